import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The temporary folder of all that the tests start is one of this run, and goes with it: no test has to clear up. */
export default function ownTemporaryFolder(): () => void {
  const own = mkdtempSync(join(tmpdir(), 'fieldcheck-tests-'));
  // As the system's own: some of what is started runs as another user.
  chmodSync(own, 0o1777);
  process.env.TMPDIR = own;
  return () => rmSync(own, { recursive: true, force: true });
}
