import { parentPort, workerData } from 'node:worker_threads';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { countFiles } from './analyse.ts';

const { paths, service } = workerData as { paths: string[]; service: SmtpService };
parentPort?.postMessage(await countFiles(paths, service));
