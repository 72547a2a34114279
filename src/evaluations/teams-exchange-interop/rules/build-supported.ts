import { daysUntil } from '../../../domain/time.ts';
import {
  buildTableAsOf,
  type ExchangeBuild,
  isAtLeast,
  nameOfBuild,
  productOf,
} from '../../../facts/exchange-organization/builds.ts';
import type { KnownBuilds } from '../../../facts/exchange-organization/on-premises.ts';
import { october2025Update, supportEnds } from '../dates.ts';
import { rule } from '../rule.ts';

type Known = KnownBuilds['builds'][number];

/** See build-supported.md. */
export const buildSupported = rule({
  id: 'teams-exchange-interop/build-supported',
  title: 'Exchange servers run a supported, current build',
  severity: 'low',
  blocks: [],
  needs: ['known-builds'],
  judge({ 'known-builds': { builds } }, { now }) {
    return foremost(builds).map(({ where, build, from }) => {
      const evidence = [{ fact: 'known-builds', observed: `${build.text}, by ${from}` }] as const;
      const { name, listed, newerThanTable, behind } = nameOfBuild(build);
      const shown = `${where} runs ${name} (${build.text})`;
      const ended = supportEnds[productOf(build) ?? ''];
      const comes = ended === undefined ? {} : { comes: { at: ended, what: `support of ${name} on ${where} ends` } };
      const wrong = [
        ...(ended !== undefined && daysUntil(ended, now) <= 0 ? [`out of support since ${ended}`] : []),
        ...(behind !== undefined && behind > 1 ? [`${behind} updates behind`] : []),
        ...(lacksOctober2025(build)
          ? ['below the October 2025 update, so Exchange Online throttles and then blocks its mail']
          : []),
      ];
      if (wrong.length > 0) {
        return {
          verdict: 'fail',
          target: where,
          owner: 'on-premises',
          message: `${shown}: ${wrong.join('; ')}.`,
          remedy:
            ended === undefined
              ? 'Install the newest update of Exchange Server SE.'
              : 'Move to Exchange Server SE, and install the newest update until then.',
          evidence,
          ...comes,
        } as const;
      }
      return {
        verdict: 'pass',
        target: where,
        message: newerThanTable
          ? `${where} runs ${build.text}, newer than the table of ${buildTableAsOf}.`
          : `${shown}, which is supported${
              behind !== undefined
                ? ' and current'
                : listed
                  ? '; its security update cannot be told from that'
                  : `; how current it is cannot be told from the table of ${buildTableAsOf}`
            }.`,
        evidence,
        ...comes,
      } as const;
    });
  },
});

const precedence: readonly Known['from'][] = ['collector', 'mail-headers', 'probe'];

/** One build for each host or server: the collector's outranks what is seen from outside. */
function foremost(builds: readonly Known[]): readonly Known[] {
  const ranked = [...builds].sort((a, b) => precedence.indexOf(a.from) - precedence.indexOf(b.from));
  return ranked.filter(
    ({ where }, index) => ranked.findIndex((one) => one.where.toLowerCase() === where.toLowerCase()) === index,
  );
}

/** By the table where it names the cumulative update; older ones never got that update. A reading without the security update cannot tell. */
function lacksOctober2025(build: ExchangeBuild): boolean {
  const floor = october2025Update[build.parts.slice(0, 3).join('.')];
  if (floor !== undefined) return isAtLeast(build, floor) === 'below';
  return isAtLeast(build, '15.2.2562.0') === 'below';
}
