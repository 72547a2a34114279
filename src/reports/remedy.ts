/** A part of what is to be done: prose, or commands that somebody copies as they are. */
export interface RemedyPart {
  readonly kind: 'prose' | 'commands';
  readonly text: string;
}

/**
 * `Verb-Noun -Parameter …`, or the variable that it uses; on Linux nodes one of the programs that rules name. A `;` with prose
 * behind it, or a remark, ends it.
 */
const command =
  /^(?:[A-Z][A-Za-z]+-[A-Z]\w+ (?=[-'"$(])|\$\w+ = |(?:echo|ip|netsh|nft|postconf|sysctl|systemctl) |[a-z]+=')/;
const end = /;\s+(?=[a-z])|\s{2,}#\s+/;

/** Parts a remedy into what a person reads and what a shell takes, in order. */
export function remedyParts(remedy: string): readonly RemedyPart[] {
  const parts: { kind: RemedyPart['kind']; lines: string[] }[] = [];
  const add = (kind: RemedyPart['kind'], line: string) => {
    const last = parts.at(-1);
    if (last?.kind === kind) last.lines.push(line);
    else parts.push({ kind, lines: [line] });
  };
  for (const line of remedy.split(/\r?\n/).map((one) => one.trim())) {
    if (line === '') continue;
    if (!command.test(line)) {
      add('prose', line);
      continue;
    }
    const [commands = '', ...prose] = line.split(end);
    add('commands', commands.trim());
    if (prose.length > 0) add('prose', prose.join('; '));
  }
  return parts.map(({ kind, lines }) => ({ kind, text: lines.join(kind === 'commands' ? '\n' : ' ') }));
}
