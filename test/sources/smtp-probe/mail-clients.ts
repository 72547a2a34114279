// Clients with mail: `node mail-clients.ts HOST COUNT ADDRESS…` makes COUNT mail sessions with port 25 of HOST, one after
// another, from the addresses in turn, two from each, each under its own name. It stops before DATA: a receive log tells a mail session by MAIL FROM.
import { once } from 'node:events';
import { connect } from 'node:net';

const [host = '', count = '', ...addresses] = process.argv.slice(2);
for (let session = 0; session < Number(count); session++) {
  // Two in a row from each, so that a load balancer that takes its nodes in turn shows every client to every node.
  const client = (session >> 1) % addresses.length;
  const localAddress = addresses[client] ?? '';
  // A port that one of them had before would be taken for the same connection by a load balancer that follows its marks.
  const socket = connect({ host, port: 25, localAddress, localPort: 10_000 + session });
  for (const command of [
    `EHLO mail${client}.fabrikam.com`,
    `MAIL FROM:<sender${session}@fabrikam.com>`,
    'RCPT TO:<adele@contoso.com>',
    'RSET',
    'QUIT',
  ]) {
    await once(socket, 'data');
    socket.write(`${command}\r\n`);
  }
  await once(socket.resume(), 'close');
}
