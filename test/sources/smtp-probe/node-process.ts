// A node of a load-balanced service: `node node-process.ts EX1 FOLDER` listens on port 25 of every address, as Exchange
// does, and keeps its receive log in FOLDER. Says when it is ready, and ends with its standard input.
import { receiveLog } from '../smtp-log/receive-log.ts';
import { exchangeNode } from './servers.ts';

const [name = '', folder = ''] = process.argv.slice(2);
await exchangeNode('0.0.0.0', 25, name, { recipient: '250 2.1.5 Recipient OK', log: receiveLog(folder, name) });
console.log('ready');
process.stdin.resume().once('end', () => process.exit());
