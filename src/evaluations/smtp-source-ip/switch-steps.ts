import { parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import type { RunbookStep } from '../../domain/runbook.ts';
import { enumerate } from '../../domain/words.ts';
import type { SmtpLoadBalancer } from '../../facts/smtp-service/load-balancer.ts';
import { productOf, serversOf, wayWords } from './load-balancer.ts';

type Ways = SmtpLoadBalancer['ways'];

/** What is to be done at the load balancer, and what has to be said besides. */
interface Switch {
  readonly steps: readonly RunbookStep[];
  readonly said: readonly string[];
}

/** The last step of the field note, made exact where the load balancer's own configuration was given. */
export function switchSteps(balancer: SmtpLoadBalancer | undefined, vips: readonly string[]): Switch {
  const named = enumerate(vips);
  if (balancer === undefined || balancer.ways.length === 0) {
    return {
      steps: [],
      said: [
        `Only when every node is ready, in a quiet hour: switch the virtual service of ${named} to Direct Server Return. Write down its settings first.`,
        'Kemp: Force L4 on, real servers by "Direct return". NetScaler: service type ANY with -usip YES, virtual server with -m MAC, a TCP or PING monitor beside any script monitor. F5: Fast L4 with address and port translation off (nPath).',
        'With the configuration of a NetScaler (ns.conf), a Kemp LoadMaster (answer to listvs) or HAProxy as another --facts FILE its own commands stand here.',
      ],
    };
  }
  const { product, ways } = balancer;
  const open = ways.filter(({ direct, keepsClient }) => direct !== true || !keepsClient);
  if (open.length === 0) {
    return { steps: [], said: [`${product} does Direct Server Return already: ${ways.map(wayWords).join('; ')}.`] };
  }
  const when = `Only when every node is ready, in a quiet hour. ${product} as its configuration has it; look at each line before you run it.`;
  const write = writers[product];
  if (write === undefined) {
    return { steps: [], said: [when, `Switch the ways to ${serversOf(open)}: ${productOf(balancer).direct}.`] };
  }
  const { steps, said } = write(open, balancer.written ?? []);
  return { steps, said: [when, ...said] };
}

type Write = (open: Ways, written: readonly string[]) => Switch;

const writers: Readonly<Record<string, Write | undefined>> = {
  NetScaler: netscaler,
  'Kemp LoadMaster': kemp,
  HAProxy: haproxy,
};

/**
 * NetScaler, "Configure load balancing in direct server return mode" and CTX138969: service type ANY, use of the source
 * address, redirection by MAC address, and a monitor that is no script. What a server is made of cannot be changed, so one
 * of another type is made anew.
 */
function netscaler(open: Ways, written: readonly string[]): Switch {
  const hasMbf = written.some((line) => /^enable ns mode\b.*\bMBF\b/i.test(line));
  const steps: RunbookStep[] = [];
  const byServer = Map.groupBy(open, ({ vip, through = vip }) => `${vip} ${through}`);
  const said: string[] = [];
  for (const [first, ...more] of byServer.values()) {
    if (first === undefined) continue;
    const { vip, through: name = vip } = first;
    const own = written.filter((line) => linesOf(name).some((start) => line === start || line.startsWith(`${start} `)));
    const address = vip.replace(/[[\]]/g, '').replace(/:(\d+)$/, ' $1');
    const [, added] = own.flatMap((line) => line.split(`add lb vserver ${word(name)} `));
    if (plainAddress(added?.split(' ')[1] ?? '') !== parseEndpoint(vip)?.address) {
      said.push(
        `${vip} leads to ${name} through another virtual server, which ends connections: make a virtual server of type ANY for ${vip} itself.`,
      );
      continue;
    }
    const group = word(`${name}_dsr`);
    const servers = [...new Map([first, ...more].map((way) => [way.address, way.server])).values()];
    steps.push({
      what: `Let ${name} pass connections on as they came`,
      before: own.join('\n'),
      run: [
        `add serviceGroup ${group} ANY -usip YES`,
        ...servers.map((server) => `bind serviceGroup ${group} ${word(server)} ${vip.replace(/^.*:/, '')}`),
        `bind serviceGroup ${group} -monitorName tcp`,
        `rm lb vserver ${word(name)}`,
        `add lb vserver ${word(name)} ANY ${address} -m MAC -connfailover STATELESS`,
        `bind lb vserver ${word(name)} ${group}`,
      ].join('\n'),
      undo: [`rm lb vserver ${word(name)}`, ...own, `rm serviceGroup ${group}`].join('\n'),
      language: 'text',
    });
    said.push(
      `From "rm lb vserver ${word(name)}" to the last line nobody answers at ${vip}: seconds, and senders try again. "save ns config" only after the probe.`,
    );
  }
  const mbf: RunbookStep = {
    what: 'Let replies and forwarding go by MAC address',
    before: 'mode MBF is off',
    run: 'enable ns mode MBF',
    undo: 'disable ns mode MBF',
    language: 'text',
  };
  return { steps: hasMbf || steps.length === 0 ? steps : [mbf, ...steps], said };
}

/** How the lines about a virtual server begin. */
function linesOf(name: string): string[] {
  return ['add', 'set', 'bind'].map((verb) => `${verb} lb vserver ${word(name)}`);
}

/** A name with a space in it is quoted. */
function word(name: string): string {
  return /^[\w.:-]+$/.test(name) ? name : `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Kemp, "RESTful API": modvs and modrs; `Forward` is route for direct return. */
function kemp(open: Ways, written: readonly string[]): Switch {
  const call = (path: string) => `curl --insecure --user bal "https://$LOADMASTER/access/${path}"`;
  const steps = [...Map.groupBy(open, ({ vip }) => vip)].flatMap(([vip, ways]): RunbookStep[] => {
    const at = vip.replace(/[[\]]/g, '').replace(/:(\d+)$/, '&port=$1&prot=tcp');
    const before = written.find((line) => line.startsWith(`${vip}: `))?.slice(vip.length + 2) ?? 'not known';
    const servers = [...new Map(ways.map((way) => [way.address, way])).values()];
    return [
      {
        what: `Force L4 on ${vip}`,
        before,
        run: call(`modvs?vs=${at}&ForceL4=1`),
        undo: call(`modvs?vs=${at}&ForceL4=0`),
        language: 'shell',
      },
      ...servers.map(({ address, port }): RunbookStep => {
        const server = `modrs?vs=${at}&rs=${address}&rsport=${port ?? vip.replace(/^.*:/, '')}`;
        const was = written.find((line) => line.startsWith(`${address}:`))?.replace(/^.*Forward=/, '') ?? 'nat';
        return {
          what: `Direct return for ${address}`,
          before: `Forward=${was}`,
          run: call(`${server}&forward=route`),
          undo: call(`${server}&forward=${was === 'route' ? 'route' : 'nat'}`),
          language: 'shell',
        };
      }),
    ];
  });
  return {
    steps,
    said: [
      'First, in that shell: LOADMASTER=… with the address of the LoadMaster. Or by hand: Virtual Services, Modify, Standard Options, Force L4; then each real server, Forwarding method, Direct return.',
      ...(open.some(({ port }) => port !== undefined)
        ? ['Direct return changes no port: real servers have to have the port of the virtual service first.']
        : []),
    ],
  };
}

/** HAProxy is a proxy: what it can is "source … usesrc clientip" (configuration manual, "source"), which is mode transparent. */
function haproxy(open: Ways, written: readonly string[]): Switch {
  const shown = 'source 0.0.0.0 usesrc clientip';
  const steps = [...new Set(open.filter(({ keepsClient }) => !keepsClient).flatMap(({ through = [] }) => through))].map(
    (section): RunbookStep => {
      const from = written.indexOf(section);
      const next = written.findIndex((line, at) => at > from && !line.startsWith(' '));
      const was = written.slice(from + 1, next === -1 ? undefined : next).find((line) => /^\s+source\s/.test(line));
      return {
        what: `Let ${section} connect with the address of the client`,
        before: was?.trim() ?? 'no line "source"',
        run: `${section}\n    ${shown}`,
        undo: was === undefined ? `${section}\n    # without "${shown}"` : `${section}\n    ${was.trim()}`,
        language: 'text',
      };
    },
  );
  return {
    steps,
    said: [
      'HAProxy is a proxy and cannot do Direct Server Return. What it can is mode "transparent": declare that, set HAProxy as gateway of the nodes first, and let its kernel take the replies (TPROXY). For Direct Server Return put a layer 4 load balancer in its place.',
      'Each line replaces the "source" of that section in haproxy.cfg; check with "haproxy -c -f haproxy.cfg" before you reload.',
    ],
  };
}
