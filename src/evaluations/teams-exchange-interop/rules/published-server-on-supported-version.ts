import { enumerateFirst } from '../../../domain/words.ts';
import { buildFloors, isAtLeast, nameOfBuild, productOf } from '../../../facts/exchange-organization/builds.ts';
import { rule } from '../rule.ts';

/** See published-server-on-supported-version.md. */
export const publishedServerOnSupportedVersion = rule({
  id: 'teams-exchange-interop/published-server-on-supported-version',
  title: 'The published server is Exchange 2016 CU3 or later',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['published-version'],
  per: 'host',
  after: (_, { part }) => [{ rule: 'teams-exchange-interop/tls-trusted', target: part }],
  judge({ 'published-version': { build, confidence, readings, address, hidden = [] } }, { part }) {
    const name = nameOfBuild(build).name;
    const evidence = readings.map(
      (reading) => ({ fact: 'published-version', observed: `${reading.method}: ${reading.build.text}` }) as const,
    );
    const where = `${part}${address === undefined ? '' : ` at ${address}`}`;
    const shown = `${where} runs ${name} (${build.text}, ${confidence} confidence)`;
    const verdicts = new Set(readings.map((reading) => isAtLeast(reading.build, buildFloors.calendar) === 'below'));
    if (confidence === 'low' && verdicts.size > 1) {
      return {
        verdict: 'manual',
        message: `What ${where} shows of its version contradicts itself: ${readings.map((reading) => `${reading.build.text} by ${reading.method}`).join(', ')}.`,
        remedy: 'Look up the file version of ExSetup.exe on the servers behind that name, or run the collector.',
        evidence,
      };
    }
    if (isAtLeast(build, buildFloors.calendar) !== 'below' && hidden.length > 0) {
      return {
        verdict: 'manual',
        message: `${shown}; ${enumerateFirst(hidden)} of the same name ${hidden.length === 1 ? 'shows' : 'show'} no build.`,
        remedy: 'Look up the file version of ExSetup.exe on the servers behind that address, or run the collector.',
        evidence,
      };
    }
    if (isAtLeast(build, buildFloors.calendar) !== 'below') return { verdict: 'pass', message: `${shown}.`, evidence };
    const forDelegates = productOf(build) === 'Exchange 2013' && isAtLeast(build, buildFloors.delegates) !== 'below';
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: forDelegates
        ? `${shown}: enough for delegate scheduling (2013 CU19 on), too old for the Teams calendar (2016 CU3 on).`
        : `${shown}, too old for Teams: the calendar needs 2016 CU3 (${buildFloors.calendar}), delegate scheduling 2013 CU19 (${buildFloors.delegates}).`,
      remedy: 'Publish Autodiscover and EWS of a newer server (Exchange Server SE), which proxies to the older ones.',
      evidence,
      ...(forDelegates ? { blocks: ['calendar'] } : {}),
    };
  },
});
