import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface DnsperfResult {
  sent: number;
  completed: number;
  lost: number;
  seconds: number;
  perSecond: number;
}

/**
 * Sends every query once with dnsperf, the limit of what is possible.
 * @param program from `findProgram('dnsperf', …)`
 * @param address `host:port` of the server
 * @param inFlight queries outstanding at once
 * @throws {Error} if dnsperf fails or prints something unknown
 */
export async function runDnsperf(
  program: string,
  address: string,
  names: readonly string[],
  inFlight: number,
): Promise<DnsperfResult> {
  const folder = await mkdtemp(join(tmpdir(), 'fieldcheck-dnsperf-'));
  const [host = '', port = ''] = address.split(':');
  try {
    const file = join(folder, 'queries');
    await writeFile(file, `${names.map((name) => `${name} TXT`).join('\n')}\n`);
    const clients = String(Math.min(8, inFlight)); // sockets, as many as our client has
    const args = [
      '-s',
      host,
      '-p',
      port,
      '-d',
      file,
      '-n',
      '1',
      '-q',
      String(inFlight),
      '-c',
      clients,
      '-e',
      '-b',
      '2048',
    ];
    const { stdout } = await promisify(execFile)(program, args);
    return {
      sent: figure(stdout, /Queries sent:\s+(\d+)/),
      completed: figure(stdout, /Queries completed:\s+(\d+)/),
      lost: figure(stdout, /Queries lost:\s+(\d+)/),
      seconds: figure(stdout, /Run time \(s\):\s+([\d.]+)/),
      perSecond: figure(stdout, /Queries per second:\s+([\d.]+)/),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function figure(output: string, pattern: RegExp): number {
  const match = pattern.exec(output);
  if (match === null) throw new Error(`dnsperf printed no ${pattern.source}: ${output}`);
  return Number(match[1]);
}
