import { expect } from 'vitest';
import { InvalidDocument } from '../../../src/domain/organization.ts';

/** The sentence a person reads when a supplied file is refused. */
export function refusal(reading: () => unknown): string {
  try {
    reading();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidDocument);
    return (error as Error).message;
  }
  return expect.fail('was read');
}
