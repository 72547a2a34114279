import { expect, test } from 'vitest';
import { remedyParts } from '../../src/reports/index.ts';

test.each([
  [
    "Take the VIP off the LAN:\nRemove-NetIPAddress -IPAddress '192.0.2.25'; it comes back with the loopback adapter\n",
    [
      ['prose', 'Take the VIP off the LAN:'],
      ['commands', "Remove-NetIPAddress -IPAddress '192.0.2.25'"],
      ['prose', 'it comes back with the loopback adapter'],
    ],
  ],
  [
    "Let it be silent:\nsysctl -w net.ipv4.conf.all.arp_ignore=1\necho 'net.ipv4.conf.all.arp_ignore = 1' >>/etc/sysctl.d/90-vip.conf\nThen look again.",
    [
      ['prose', 'Let it be silent:'],
      [
        'commands',
        "sysctl -w net.ipv4.conf.all.arp_ignore=1\necho 'net.ipv4.conf.all.arp_ignore = 1' >>/etc/sysctl.d/90-vip.conf",
      ],
      ['prose', 'Then look again.'],
    ],
  ],
  ['Ask the network team.', [['prose', 'Ask the network team.']]],
])('what a person reads and what a shell takes are told apart: %j', (remedy, parts) => {
  expect(remedyParts(remedy).map(({ kind, text }) => [kind, text])).toEqual(parts);
});
