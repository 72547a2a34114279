import { z } from 'zod';

const input = z.strictObject({ value: z.number().nonnegative(), meaning: z.string().min(1) });

/** infra/costs.json: every figure that the bill depends on, each with its unit and where it comes from. */
export const costInputsSchema = z.strictObject({
  prices: z.strictObject({
    asOf: z.string().regex(/^\d{4}-\d{2}$/),
    currency: z.literal('USD'),
    gbSecond: input,
    freeGbSeconds: input,
    millionExecutions: input,
    freeExecutions: input,
    tenThousandTableTransactions: input,
    tenThousandQueueOperations: input,
    tenThousandBlobWrites: input,
    storedGB: input,
    logGB: input,
    freeLogGB: input,
    alertRule: input,
    privateEndpoint: input,
    privateDnsZone: input,
    natGateway: input,
  }),
  use: z.strictObject({
    runsPerMonth: input,
    domainsPerOrganization: input,
    noticeShare: input,
    historyMonths: input,
  }),
  measured: z.strictObject({
    tableTransactionsPerRun: input,
    tableTransactionsPerSlice: input,
    tableTransactionsPerFiring: input,
    tableTransactionsPerNotice: input,
    tableTransactionsPerHealthLook: input,
    tableTransactionsPerLookThrough: input,
    secondsPerOrganization: input,
    secondsPerHealthLook: input,
    domainsPerSlice: input,
    slicesPerMessage: input,
    queueOperationsPerMessage: input,
    secondsPerThousand: input,
    cpuSecondsPerThousand: input,
    bytesPerDomain: input,
    bytesPerDomainRun: input,
    logBytesPerInvocation: input,
  }),
  deployment: z.strictObject({
    memoryGB: input,
    dueFiringsPerMonth: input,
    deliveryFiringsPerMonth: input,
    healthLooksPerMonth: input,
    looksThroughPerMonth: input,
    leastSecondsPerExecution: input,
    slicesAtOnce: input,
    queuePollsPerSecond: input,
    hostBlobWritesPerMonth: input,
    alertRules: input,
    privateEndpoints: input,
  }),
  limits: z.strictObject({
    accountTransactionsPerSecond: input,
    partitionEntitiesPerSecond: input,
    entitiesPerRunInOnePartition: input,
    queriesPerDomain: input,
    queriesPerSecond: input,
    minutesUntilDeadline: input,
  }),
});
export type CostInputs = z.infer<typeof costInputsSchema>;

/** One line of the bill, in the currency of the prices, for one month. */
export interface CostLine {
  name: string;
  formula: string;
  quantity: number;
  unit: string;
  cost: number;
}

const SECONDS_PER_MONTH = 30 * 24 * 3600;
const GB = 1e9;

/** What a month costs for so many domains, line by line; the optional network is not in it. */
export function monthlyBill({ prices, use, measured, deployment }: CostInputs, domains: number): CostLine[] {
  const organizations = Math.max(1, domains / use.domainsPerOrganization.value);
  const domainRuns = domains * use.runsPerMonth.value;
  const runs = organizations * use.runsPerMonth.value;
  const slices = runs * Math.ceil(domains / organizations / measured.domainsPerSlice.value);
  const messages = messagesOf(measured, slices / use.runsPerMonth.value) * use.runsPerMonth.value;
  const notices = runs * use.noticeShare.value;
  const deliveries = deployment.deliveryFiringsPerMonth.value;
  const firings = deployment.dueFiringsPerMonth.value + deliveries;
  const executions = firings + messages + notices;

  const least = deployment.leastSecondsPerExecution.value;
  const messageSeconds = Math.max(least, (domainRuns / messages / 1000) * measured.secondsPerThousand.value);
  const dueSeconds = Math.max(least, organizations * measured.secondsPerOrganization.value);
  const healthLooks = deployment.healthLooksPerMonth.value;
  const healthSeconds = Math.max(least, organizations * measured.secondsPerHealthLook.value);
  const seconds =
    (firings - deliveries) * dueSeconds +
    (deliveries - healthLooks + notices) * least +
    healthLooks * healthSeconds +
    (messages * messageSeconds) / deployment.slicesAtOnce.value;
  const gbSeconds = seconds * deployment.memoryGB.value;

  const transactions =
    runs * measured.tableTransactionsPerRun.value +
    slices * measured.tableTransactionsPerSlice.value +
    notices * measured.tableTransactionsPerNotice.value +
    deliveries * measured.tableTransactionsPerFiring.value +
    healthLooks * organizations * measured.tableTransactionsPerHealthLook.value +
    deployment.looksThroughPerMonth.value * organizations * measured.tableTransactionsPerLookThrough.value +
    (firings - deliveries) * Math.ceil(organizations / 1000);
  const queueOperations =
    (messages + notices) * measured.queueOperationsPerMessage.value +
    deployment.queuePollsPerSecond.value * SECONDS_PER_MONTH;
  const stored =
    (domains * measured.bytesPerDomain.value +
      domainRuns * use.historyMonths.value * measured.bytesPerDomainRun.value) /
    GB;
  const logs = (executions * measured.logBytesPerInvocation.value) / GB;

  return [
    {
      name: 'Executions',
      formula: 'timer firings + messages + notices, less the free ones',
      quantity: executions,
      unit: '',
      cost: (Math.max(0, executions - prices.freeExecutions.value) / 1e6) * prices.millionExecutions.value,
    },
    {
      name: 'Compute',
      formula: 'seconds × memoryGB, less the free ones; an execution counts leastSecondsPerExecution at least',
      quantity: gbSeconds,
      unit: 'GB-s',
      cost: Math.max(0, gbSeconds - prices.freeGbSeconds.value) * prices.gbSecond.value,
    },
    {
      name: 'Tables',
      formula:
        'runs × tableTransactionsPerRun + slices × tableTransactionsPerSlice + notices × tableTransactionsPerNotice + deliveryFirings × tableTransactionsPerFiring + organizations × (healthLooks × tableTransactionsPerHealthLook + looksThrough × tableTransactionsPerLookThrough) + dueFirings × pages of 1,000 organizations',
      quantity: transactions,
      unit: '',
      cost: (transactions / 1e4) * prices.tenThousandTableTransactions.value,
    },
    {
      name: 'Queues',
      formula: '(messages + notices) × queueOperationsPerMessage + queuePollsPerSecond × seconds of the month',
      quantity: queueOperations,
      unit: '',
      cost: (queueOperations / 1e4) * prices.tenThousandQueueOperations.value,
    },
    {
      name: 'Blobs of the host',
      formula: 'hostBlobWritesPerMonth',
      quantity: deployment.hostBlobWritesPerMonth.value,
      unit: '',
      cost: (deployment.hostBlobWritesPerMonth.value / 1e4) * prices.tenThousandBlobWrites.value,
    },
    {
      name: 'Stored',
      formula: 'domains × (bytesPerDomain + runsPerMonth × historyMonths × bytesPerDomainRun)',
      quantity: stored,
      unit: 'GB',
      cost: stored * prices.storedGB.value,
    },
    {
      name: 'Logs',
      formula: 'executions × logBytesPerInvocation, less the free ones',
      quantity: logs,
      unit: 'GB',
      cost: Math.max(0, logs - prices.freeLogGB.value) * prices.logGB.value,
    },
    {
      name: 'Alerts',
      formula: 'alertRules',
      quantity: deployment.alertRules.value,
      unit: '',
      cost: deployment.alertRules.value * prices.alertRule.value,
    },
  ];
}

/** All organizations are due in the same minute. */
function messagesOf({ slicesPerMessage }: CostInputs['measured'], slices: number): number {
  return Math.ceil(slices / slicesPerMessage.value);
}

/** CPU seconds a month that gathering and judging so many domains takes; it is paid for within the compute line. */
function monthlyCpuSeconds({ use, measured }: CostInputs, domains: number): number {
  return ((domains * use.runsPerMonth.value) / 1000) * measured.cpuSecondsPerThousand.value;
}

const number = (value: number, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const quantity = ({ quantity, unit }: CostLine) =>
  `${number(quantity, unit === 'GB' ? 2 : 0)}${unit ? ` ${unit}` : ''}`;

/** A table as the formatter of this repository writes it: padded, numbers to the right. */
function table(head: string[], numeric: boolean[], rows: string[][]): string {
  const width = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const pad = (text: string, column: number) =>
    numeric[column] ? text.padStart(width[column] ?? 0) : text.padEnd(width[column] ?? 0);
  const rule = width.map((length, column) => (numeric[column] ? `${'-'.repeat(length - 1)}:` : '-'.repeat(length)));
  return [head.map(pad), rule, ...rows.map((row) => row.map(pad))].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** What so many domains need when all of them are due in the same minute, for several numbers of instances. */
function allAtOnce({ use, measured, limits }: CostInputs, domains: number): string {
  const runs = domains / use.domainsPerOrganization.value;
  const slices = runs * Math.ceil(use.domainsPerOrganization.value / measured.domainsPerSlice.value);
  const transactions =
    runs * measured.tableTransactionsPerRun.value +
    slices * measured.tableTransactionsPerSlice.value +
    messagesOf(measured, slices) * measured.queueOperationsPerMessage.value;
  const secondsOf = (instances: number) =>
    (domains * limits.queriesPerDomain.value) / limits.queriesPerSecond.value / instances;
  const perSecond = (instances: number) => transactions / secondsOf(instances);
  const entitiesPerSecond = (instances: number) =>
    (runs * limits.entitiesPerRunInOnePartition.value) / secondsOf(instances);
  const accountFull = Math.floor(limits.accountTransactionsPerSecond.value / perSecond(1));
  const partitionFull = Math.floor(limits.partitionEntitiesPerSecond.value / entitiesPerSecond(1));
  const rows = [1, 2, 4, 10, 40].map((instances) => [
    number(instances),
    `${number(secondsOf(instances) / 60, 1)} min`,
    number(perSecond(instances)),
    `${number((perSecond(instances) / limits.accountTransactionsPerSecond.value) * 100, 1)} %`,
    number(entitiesPerSecond(instances), 1),
    `${number((entitiesPerSecond(instances) / limits.partitionEntitiesPerSecond.value) * 100, 1)} %`,
  ]);
  const head = ['instances', 'all done in', 'transactions/s', 'of the account', 'entities/s', 'of the partition'];
  return `${number(domains)} domains in ${number(runs)} organizations, all due in one minute: ${number(transactions)} transactions of tables and
queues, and as much time as the DNS takes at queriesPerSecond for each instance.

${table(
  head,
  head.map(() => true),
  rows,
)}

A run begins when its message is taken, and is closed ${number(limits.minutesUntilDeadline.value)} minutes later: fewer instances take longer, and cut none short.
Where that is too long more instances are allowed for, or the schedules spread over hours, which costs nothing. One storage account is full at ${number(accountFull)} instances, the partition of what is at hand, which every
run writes and deletes an entry in, at ${number(partitionFull)}: a deployment is split where its resolvers or its people ask for it, by
organizations, and not for the storage.`;
}

/** infra/COSTS.md. */
export function costPage(inputs: CostInputs): string {
  const sizes = [100, 10_000, 1_000_000];
  const bills = sizes.map((domains) => monthlyBill(inputs, domains));
  const total = (bill: CostLine[]) => bill.reduce((sum, { cost }) => sum + cost, 0);
  const { prices, deployment } = inputs;
  const network = deployment.privateEndpoints.value * (prices.privateEndpoint.value + prices.privateDnsZone.value);
  const heads = sizes.map((domains) => `${number(domains)} domains`);
  const numbers = [false, ...sizes.map(() => true), false];
  const lines = bills[0] ?? [];
  const across = (cell: (line: CostLine) => string, name: string) =>
    bills.map((bill) =>
      bill
        .filter((line) => line.name === name)
        .map(cell)
        .join(),
    );
  const costs = table(['', ...heads], numbers, [
    ...lines.map(({ name }) => [name, ...across(({ cost }) => number(cost, 2), name)]),
    ['**A month**', ...bills.map((bill) => `**${number(total(bill), 2)}**`)],
    ['per domain and month', ...bills.map((bill, size) => number(total(bill) / (sizes[size] ?? 1), 5))],
  ]);
  const quantities = table(['', ...heads, 'formula'], numbers, [
    ...lines.map(({ name, formula }) => [name, ...across(quantity, name), formula]),
    [
      'CPU time',
      ...sizes.map((domains) => `${number(monthlyCpuSeconds(inputs, domains))} s`),
      'domains × runsPerMonth ÷ 1,000 × cpuSecondsPerThousand; paid for within compute',
    ],
  ]);
  const figures = (title: string, rows: Record<string, string | { value: number; meaning: string }>) =>
    table(
      [title, 'value', 'meaning'],
      [false, true, false],
      Object.entries(rows).flatMap(([name, row]) =>
        typeof row === 'string' ? [] : [[name, `${row.value}`, row.meaning]],
      ),
    );
  return `<!-- Made from infra/costs.json by test/infra/costs.test.ts. Change the figures there, then: npx vitest run test/infra/costs -u -->
# What it costs

One month, in ${prices.currency}, at **list prices as of ${prices.asOf}, to be verified** for your region, currency and
contract in the Azure pricing calculator. Taxes, and what Microsoft 365 itself costs, are not in it. Free amounts are
counted in; they are per subscription or billing account, so they may be used up by something else of yours.

${costs}

Optional, at any size: the virtual network with ${deployment.privateEndpoints.value} private endpoints and their DNS zones ${number(network, 2)}, and its
fixed outbound address ${number(prices.natGateway.value, 2)} more.

## Quantities and formulas

${quantities}

organizations = domains ÷ domainsPerOrganization. runs = organizations × runsPerMonth. slices = runs × (domains of one
organization ÷ domainsPerSlice, rounded up). messages = slices of a day ÷ slicesPerMessage, rounded up,
× runsPerMonth. notices = runs × noticeShare. A firing for due evaluations takes organizations ×
secondsPerOrganization, a look at how all is organizations × secondsPerHealthLook, a second at least.

## All at once

${allAtOnce(inputs, 1_000_000)}

## What moves it

- Small installations pay for the timers, not for domains: an execution counts a second at least, whatever it does.
  \`FIELDCHECK_INSTANCE_MEMORY_MB=512\` divides the GB-seconds by four. Timers every five minutes
  (\`FIELDCHECK_DUE_SCHEDULE\`, \`FIELDCHECK_DELIVERY_SCHEDULE\`) divide theirs by five; runs then start up to five minutes
  later, cards hardly do, since a queue message nudges the delivery.
- The delivery timer asks nothing of organizations with nothing at hand. What is left of thousands of them are the looks at
  how all is, every five minutes one query for each.
- History costs what is kept: fewer months are the lever.
- Logs stay below the free amount as long as they are a few lines per invocation. \`FIELDCHECK_LOG_DAILY_QUOTA_GB\` is
  the brake; past it the alerts are blind until the next day, so find out what is talking
  (infra/operations/queries/log-volume.kql).
- Domains judged more often than once a day cost in proportion: runsPerMonth.

## Figures

${figures('Prices', prices)}

${figures('Use', inputs.use)}

${figures('Measured', inputs.measured)}

${figures('Deployment', deployment)}

${figures('Limits', inputs.limits)}
`;
}
