import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TableClient } from '@azure/data-tables';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Azurite, startAzurite } from '../../src/local/azurite.ts';

function location(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-azurite-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const rows = ({ connectionString }: Pick<Azurite, 'connectionString'>) =>
  TableClient.fromConnectionString(connectionString, 'rows', { allowInsecureConnection: true });

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('Azurite as a child process', () => {
  it('serves tables on a free port until it is stopped', async () => {
    const azurite = await startAzurite();
    await rows(azurite).createTable();
    await rows(azurite).createEntity({ partitionKey: 'a', rowKey: 'b', n: 1 });
    expect(await rows(azurite).getEntity('a', 'b')).toMatchObject({ n: 1 });
    expect(new Set(Object.values(azurite.ports)).size).toBe(2);
    await azurite.stop();
    await azurite.stop();
    expect(isAlive(azurite.pid)).toBe(false);
  });

  it('keeps what was written right before it was stopped, and its folder to itself until it has ended', async () => {
    const folder = location();
    const first = await startAzurite({ location: folder });
    await expect(startAzurite({ location: folder })).rejects.toThrow(`${folder} is in use by process ${first.pid}.`);
    await rows(first).createTable();
    await rows(first).createEntity({ partitionKey: 'a', rowKey: 'b', n: 2 });
    const stopped = first.stop();
    // While it still writes the next one waits.
    const second = await startAzurite({ location: folder });
    expect(isAlive(first.pid)).toBe(false);
    await stopped;
    expect(await rows(second).getEntity('a', 'b')).toMatchObject({ n: 2 });
    await second.stop();
    expect(existsSync(join(folder, 'in-use-by.pid'))).toBe(false);
  });

  it('ends with a parent that is killed, and has written its data', async () => {
    const folder = location();
    const program = fileURLToPath(new URL('fixtures/azurite-program.ts', import.meta.url));
    const parent = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    // Waits for the other to end.
    const next = await startAzurite({ location: folder });
    expect(await rows(next).getEntity('a', 'b')).toMatchObject({ n: 3 });
    await next.stop();
  });

  it('says what Azurite said when it cannot start', async () => {
    const folder = location();
    writeFileSync(join(folder, '__azurite_db_table__.json'), 'no database');
    await expect(startAzurite({ location: folder })).rejects.toThrow(
      /^Azurite ended before it was ready\. It said: .*not valid JSON/s,
    );
    expect(existsSync(join(folder, 'in-use-by.pid'))).toBe(false);
  });
});
