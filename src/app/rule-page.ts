import { readFile } from 'node:fs/promises';

/**
 * The page beside a rule's code, in Markdown; undefined where it is not there. The bundle has the pages in the same place,
 * seen from its chunks: `tools/build.ts` puts them there, and whoever needs this module imports it dynamically, so that it is
 * in a chunk and not in the entry.
 */
export async function rulePage(evaluation: string, rule: string): Promise<string | undefined> {
  try {
    return await readFile(new URL(`../evaluations/${evaluation}/rules/${rule}.md`, import.meta.url), 'utf8');
  } catch {
    return undefined;
  }
}
