import { rule } from '../rule.ts';

/** See cloud-environment-supported.md. */
export const cloudEnvironmentSupported = rule({
  id: 'teams-exchange-interop/cloud-environment-supported',
  title: 'Teams works with Exchange on premises in this cloud',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['tenant'],
  judge({ tenant: { declaredCloud, found } }) {
    const knownClouds = found.flatMap((one) => (one.cloud === undefined ? [] : [one.cloud]));
    const cloud = knownClouds.find((one) => one !== 'worldwide') ?? knownClouds[0] ?? declaredCloud;
    const evidence = [
      {
        fact: 'tenant',
        observed:
          knownClouds.length === 0
            ? `declared: ${declaredCloud}`
            : found.map((one) => `${one.domain}: ${one.cloud ?? 'not told'}`).join(', '),
      },
    ] as const;
    if (cloud === 'worldwide') {
      return {
        verdict: 'pass',
        message: 'The tenant is in the worldwide cloud (GCC included), where all of this is offered.',
        evidence,
      };
    }
    const remedy = 'None: Microsoft does not offer it there. Move the mailboxes to the cloud of the tenant.';
    if (cloud === 'gcc-high') {
      return {
        verdict: 'fail',
        owner: 'microsoft',
        message: 'In GCC High the calendar works with mailboxes on premises, delegate scheduling does not.',
        remedy,
        blocks: ['delegates'],
        evidence,
      };
    }
    return {
      verdict: 'fail',
      owner: 'microsoft',
      message: `Teams does not work with mailboxes on premises in the cloud ${cloud}.`,
      remedy,
      evidence,
    };
  },
});
