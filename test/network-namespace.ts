import { spawnSync } from 'node:child_process';

/** Can a program be run in a network namespace of its own (`unshare -n`)? Says so once for each file of tests where not. */
export const canUnshare =
  process.platform === 'linux' && spawnSync('unshare', ['-n', 'ip', 'link', 'show', 'lo']).status === 0;
if (!canUnshare) {
  console.log('Not run: what needs a network namespace of its own (unshare -n), which takes root on Linux.');
}
