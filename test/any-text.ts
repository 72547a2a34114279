import fc from 'fast-check';

/** Every character of Unicode but halves of surrogate pairs, whatever it does to a program. */
const anyCharacter = fc.nat(0x10_f7_ff).map((place) => String.fromCodePoint(place < 0xd8_00 ? place : place + 0x8_00));

/**
 * Any text, as `fc.string({ unit: 'binary' })` is, which lists a million characters first; names that programs keep for
 * themselves are among the plain ones.
 */
export function anyText(constraints: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  const ofAll = fc.array(anyCharacter, constraints).map((characters) => characters.join(''));
  return fc.oneof({ arbitrary: ofAll, weight: 9 }, { arbitrary: fc.string(constraints), weight: 1 });
}
