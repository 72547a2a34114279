import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { singleSlice } from '../../src/app/runs/slices.ts';
import { batchedSubjects } from '../../src/queue/queue.ts';
import { costInputsSchema, costPage, monthlyBill } from './costs.ts';

const infra = fileURLToPath(new URL('../../infra/', import.meta.url));
const inputs = costInputsSchema.parse(JSON.parse(readFileSync(`${infra}costs.json`, 'utf8')));
const line = (domains: number, name: string) => monthlyBill(inputs, domains).find((each) => each.name === name);

describe('the monthly bill', () => {
  test('COSTS.md says what the figures give', async () => {
    await expect(costPage(inputs)).toMatchFileSnapshot(`${infra}COSTS.md`);
  });

  test('the figures of the deployment are those of the deployment', () => {
    const host = JSON.parse(readFileSync(`${infra}../host.json`, 'utf8'));
    expect(inputs.deployment.slicesAtOnce.value).toBe(host.extensions.queues.batchSize);
    expect(inputs.measured.domainsPerSlice.value).toBe(singleSlice);
    expect(inputs.measured.slicesPerMessage.value).toBe(batchedSubjects / singleSlice);
    const template = readFileSync(`${infra}main.bicep`, 'utf8');
    expect(template).toContain(`param instanceMemoryMB int = ${inputs.deployment.memoryGB.value * 1024}`);
    expect(template).toContain(`param dueSchedule string = '0 * * * * *'`);
    expect(template).toContain(`param deliverySchedule string = '30 * * * * *'`);
    expect(inputs.deployment.dueFiringsPerMonth.value).toBe(30 * 24 * 60);
    expect(inputs.deployment.deliveryFiringsPerMonth.value).toBe(30 * 24 * 60);
  });

  test('ten times the organizations are ten times the table transactions beyond the firings', () => {
    const { dueFiringsPerMonth: due, deliveryFiringsPerMonth: deliveries } = inputs.deployment;
    const firings = (domains: number) => due.value * Math.ceil(domains / 100_000) + deliveries.value * 5;
    const beyond = (domains: number) => (line(domains, 'Tables')?.quantity ?? 0) - firings(domains);
    expect(beyond(100_000)).toBeCloseTo(10 * beyond(10_000));
    // One organization: a run of one slice a day, of which every tenth tells something; looks every five minutes.
    expect(beyond(100)).toBeCloseTo(30 * (1.4 + 4 + 0.1 * 33) + 8_640 + 30 * 4);
  });

  test('10,000 organizations cost a third of the 96 dollars that they cost when each was asked every minute', () => {
    const total = monthlyBill(inputs, 1_000_000).reduce((sum, { cost }) => sum + cost, 0);
    expect(total).toBeLessThan(96.2 / 3);
  });

  test('what is free is not paid for', () => {
    expect(line(100, 'Executions')?.cost).toBe(0);
    expect(line(100, 'Logs')?.cost).toBe(0);
  });
});
