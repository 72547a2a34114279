import { enumerate } from '../../../domain/words.ts';
import { contradictionOf, readWords, wayWords } from '../load-balancer.ts';
import { rule } from '../rule.ts';

/** See evidence-agrees.md. */
export const evidenceAgrees = rule({
  id: 'smtp-source-ip/evidence-agrees',
  title: 'Configuration, log and probe tell the same',
  severity: 'high',
  blocks: [],
  needs: ['smtp-evidence'],
  optional: ['smtp-load-balancer'],
  judge({ 'smtp-evidence': { configuration, log, probe }, 'smtp-load-balancer': balancer }, { subject }) {
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
          ...Object.entries(log).map(([node, translation]) => `log of ${node}: ${translation}`),
          ...Object.entries(probe).map(([node, translation]) => `probe of ${node}: ${translation}`),
        ].join('; '),
      },
    ];
    const disagree = (message: string, remedy: string) =>
      ({ verdict: 'fail', owner: 'network', message, remedy, evidence }) as const;
    const own = balancer === undefined ? undefined : contradictionOf(balancer, subject, { ...log, ...probe });
    const ways = (balancer?.ways ?? []).map((way) => ({
      fact: 'smtp-load-balancer' as const,
      observed: wayWords(way),
    }));
    if (own !== undefined) {
      const { verdict, message, remedy } = own;
      const observed = [...evidence, ...ways];
      return verdict === 'manual'
        ? { verdict, message, remedy, evidence: observed }
        : { ...disagree(message, remedy), evidence: observed };
    }
    const contradicting = Object.keys(probe).filter((node) => node in log && log[node] !== probe[node]);
    const [first] = contradicting;
    if (first !== undefined) {
      return disagree(
        `${enumerate(contradicting)}: the probe says ${words[probe[first] ?? 'preserved']}, the log says ${words[log[first] ?? 'preserved']}: the load balancer was switched in between, or they went different ways.`,
        'Run the collector again so that the log is of now; probe each VIP and port.',
      );
    }
    const seen = { ...log, ...probe };
    const hiding = Object.keys(seen).filter((node) => seen[node] !== 'preserved');
    if (mode === 'dsr' && configuration === 'ready' && hiding.length > 0) {
      return disagree(
        `All nodes carry the VIP, but the load balancer ${hiding.length < subject.nodes.length || hiding.some((node) => seen[node] === 'partial') ? 'still hides some clients' : 'hides the clients'} from ${enumerate(hiding)}: it is not switched to Direct Server Return yet, or another virtual service took the connections.`,
        'Once dsr-ready is yes, switch the virtual service to Direct Server Return; check that it is the one behind this VIP and port.',
      );
    }
    if (mode === 'dsr' && configuration === 'none' && hiding.length < Object.keys(seen).length) {
      return disagree(
        'Client addresses are preserved though no node carries the VIP: the load balancer is transparent, or clients go past it.',
        'Declare mode "transparent" if that is what it is; otherwise find out how clients reach the nodes.',
      );
    }
    const told = [...new Set(Object.values(seen))];
    return {
      verdict: 'pass',
      message: `The evidence agrees${told.length === 0 ? '' : `: ${enumerate(told.map((one) => words[one]))}`}.${balancer === undefined ? '' : ` So does the configuration (${readWords(balancer, subject)}).`}`,
      evidence,
    };
  },
});

const words = {
  'source-nat': 'that clients are hidden',
  partial: 'that some clients are hidden',
  preserved: 'that client addresses are preserved',
} as const;
