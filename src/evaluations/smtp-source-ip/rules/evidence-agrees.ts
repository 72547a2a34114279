import { rule } from '../rule.ts';

/** See evidence-agrees.md. */
export const evidenceAgrees = rule({
  id: 'smtp-source-ip/evidence-agrees',
  title: 'Configuration, log and probe tell the same',
  severity: 'high',
  blocks: [],
  needs: ['smtp-evidence'],
  judge({ 'smtp-evidence': { configuration, log, probe } }, { subject }) {
    const { mode } = subject;
    const evidence = [
      {
        fact: 'smtp-evidence' as const,
        observed: [
          ...(configuration === undefined
            ? []
            : [
                `configuration: VIP on the loopback adapter of ${{ ready: 'all nodes', partly: 'some nodes', none: 'no node' }[configuration]}`,
              ]),
          ...(log === undefined ? [] : [`log: ${log}`]),
          ...(probe === undefined ? [] : [`probe: ${probe}`]),
        ].join('; '),
      },
    ];
    const disagree = (message: string, remedy: string) =>
      ({ verdict: 'fail', owner: 'network', message, remedy, evidence }) as const;
    if (log !== undefined && probe !== undefined && log !== probe) {
      return disagree(
        `The probe says ${words[probe]}, the log says ${words[log]}: the load balancer was switched in between, or they went different ways.`,
        'Run the collector again so that the log is of now; probe each VIP and port.',
      );
    }
    const seen = probe ?? log;
    if (mode === 'dsr' && configuration === 'ready' && (seen === 'source-nat' || seen === 'partial')) {
      return disagree(
        `All nodes carry the VIP, but the load balancer ${seen === 'partial' ? 'still hides some clients' : 'hides the clients'}: it is not switched to Direct Server Return yet, or another virtual service took the connections.`,
        'Once dsr-ready is yes, switch the virtual service to Direct Server Return; check that it is the one behind this VIP and port.',
      );
    }
    if (mode === 'dsr' && configuration === 'none' && seen === 'preserved') {
      return disagree(
        'Client addresses are preserved though no node carries the VIP: the load balancer is transparent, or clients go past it.',
        'Declare mode "transparent" if that is what it is; otherwise find out how clients reach the nodes.',
      );
    }
    return {
      verdict: 'pass',
      message: `The evidence agrees${seen === undefined ? '' : `: ${words[seen]}`}.`,
      evidence,
    };
  },
});

const words = {
  'source-nat': 'that clients are hidden',
  partial: 'that some clients are hidden',
  preserved: 'that client addresses are preserved',
} as const;
