// Clients with mail: `node mail-clients.ts HOST COUNT ADDRESS…` makes COUNT mail sessions with port 25 of HOST, one after
// another, from the addresses in turn. It stops before DATA: a receive log tells a mail session by MAIL FROM.
import { once } from 'node:events';
import { connect } from 'node:net';

const [host = '', count = '', ...addresses] = process.argv.slice(2);
for (let session = 0; session < Number(count); session++) {
  const localAddress = addresses[session % addresses.length] ?? '';
  const socket = connect({ host, port: 25, localAddress });
  for (const command of [
    `EHLO mail${session}.fabrikam.com`,
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
