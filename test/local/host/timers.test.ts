import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { forget, recorded, recordedInOrder } from '../fixtures/record.ts';
import { startFixture } from './start.ts';

beforeEach(forget);

const all = ['everySecond', 'newYear', 'slow', 'failing', 'fridayThe13th'];

/** Starts the fixture with only the named timers in service. */
function startTimers(names: string[], options: Parameters<typeof startFixture>[1] = {}) {
  const disabled = all.filter((name) => !names.includes(name)).map((name) => [`AzureWebJobs.${name}.Disabled`, '1']);
  return startFixture('timers.ts', {
    ...options,
    settings: { EVERY_SECOND: '* * * * * *', ...Object.fromEntries(disabled) },
  });
}

function dataFolder(timersJson?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-timers-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  if (timersJson !== undefined) writeFileSync(join(folder, 'timers.json'), timersJson);
  return folder;
}

const readState = (folder: string) => JSON.parse(readFileSync(join(folder, 'timers.json'), 'utf8'));

describe('timers', () => {
  it('run on their schedule, which may come from a setting; below a minute nothing is remembered', async () => {
    await startTimers(['everySecond']);
    const [first] = await recorded('everySecond', 2);
    expect(first).toEqual({ schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false });
  });

  it('never overlap themselves', async () => {
    const host = await startTimers(['slow']);
    await recorded('slow begins', 2);
    await host.stop();
    expect(recordedInOrder()).toEqual(['slow begins', 'slow ends', 'slow begins', 'slow ends']);
  });

  it('remember their next slot from the first start on, in UTC', async () => {
    const folder = dataFolder();
    await startTimers(['newYear'], { dataFolder: folder });
    const year = new Date().getUTCFullYear() + 1;
    expect(readState(folder)).toEqual({
      newYear: {
        last: '0001-01-01T00:00:00.000Z',
        next: `${year}-01-01T00:00:00.000Z`,
        lastUpdated: expect.any(String),
      },
    });
  });

  it('fire once as past due for a slot that passed while the host was down', async () => {
    const last = '2019-01-01T00:00:00.000Z';
    const missed = { last, next: '2020-01-01T00:00:00.000Z', lastUpdated: last };
    const folder = dataFolder(JSON.stringify({ newYear: missed }));
    const host = await startTimers(['newYear'], { dataFolder: folder });
    expect(await recorded('newYear')).toEqual([expect.objectContaining({ isPastDue: true, scheduleStatus: missed })]);
    await host.stop();
    expect(Date.parse(readState(folder).newYear.last)).toBeGreaterThan(Date.parse('2026-01-01'));

    forget();
    const again = await startTimers(['newYear'], { dataFolder: folder });
    await again.stop();
    expect(recordedInOrder()).toEqual([]);
  });

  it('start all the same when what they remembered cannot be read, and say so', async () => {
    const { log } = await startTimers(['newYear'], { dataFolder: dataFolder('{"newYear": 7}') });
    expect(log.map((entry) => entry.message)).toContainEqual(
      expect.stringMatching(/timers\.json cannot be read, so no timer is past due/),
    );
  });

  it('can be run by hand, without touching the schedule', async () => {
    const folder = dataFolder();
    const { url } = await startTimers(['newYear'], { dataFolder: folder });
    const before = readState(folder);
    const response = await fetch(`${url}/admin/functions/newyear`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"input": ""}',
    });
    expect(response.status).toBe(202);
    expect(await recorded('newYear')).toEqual([expect.objectContaining({ isPastDue: false })]);
    expect(readState(folder)).toEqual(before);
  });

  it('that fail are logged, and the host goes on', async () => {
    const { url, log } = await startTimers(['failing']);
    await fetch(`${url}/admin/functions/failing`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    await recorded('failing');
    expect((await fetch(`${url}/admin/host/status`)).status).toBe(200);
    expect(log.map((entry) => entry.message)).toContainEqual(expect.stringContaining('a timer that fails'));
  });
});

describe('NCRONTAB', () => {
  it('means a day of month and a day of week that fall together, where cron means either', async () => {
    const folder = dataFolder();
    await startTimers(['fridayThe13th'], { dataFolder: folder });
    const next = new Date(readState(folder).fridayThe13th.next);
    expect([next.getUTCDate(), next.getUTCDay()]).toEqual([13, 5]);
  });
});

describe('schedules that cannot be', () => {
  it.each([
    ['bad-schedule.ts', 'badSchedule', 'The schedule "0 0 25 * * *" of "badSchedule" is not NCRONTAB: six fields'],
    [
      'missing-setting.ts',
      'noSetting',
      'The schedule of "noSetting" asks for %NOT_THERE%, but there is no setting named NOT_THERE.',
    ],
  ])('%s takes its function out of service, and the host starts', async (file, name, reason) => {
    const { url, log } = await startFixture(`refused/${file}`);
    expect((await fetch(`${url}/admin/host/status`)).status).toBe(200);
    const [entry] = log.filter(({ level }) => level === 'error');
    expect(entry?.message).toContain(`The function "${name}" is disabled: Error: ${reason}`);
  });
});
