// Where the files are that the local runtime reads besides its modules: in the repository beside the sources, in the
// package beside the bundle.
import { fileURLToPath } from 'node:url';

/** The app that the host runs. */
export interface AppFiles {
  /** The folder with its host.json. */
  readonly root: string;
  /** The module that registers the functions, relative to {@link root}. */
  readonly entry: string;
}

/** Is this the bundle of the package? Sources run as they are. */
export const isPackaged = !import.meta.url.endsWith('.ts');

/** What a person types for the demo as it was at first. */
export const freshDemo = isPackaged ? 'fieldcheck demo --fresh' : 'npm start -- --fresh';

export const app: AppFiles = isPackaged
  ? { root: fileURLToPath(new URL('../app', import.meta.url)), entry: 'dist/functions.js' }
  : { root: fileURLToPath(new URL('../..', import.meta.url)), entry: 'functions/index.ts' };

/** The file of the library that shows cards, on the page of the local Teams channel. @throws Error when it is not installed */
export function cardLibrary(): string {
  return isPackaged
    ? fileURLToPath(new URL('adaptivecards.min.js', import.meta.url))
    : fileURLToPath(import.meta.resolve('adaptivecards/dist/adaptivecards.min.js'));
}
