#!/usr/bin/env node
// The command line as a shell starts it. Node ends a process that crashes with 1, and 1 is an answer here: "no". So the
// crash is given its own code before anything that could crash is loaded.
import { writeSync } from 'node:fs';
import { enableCompileCache } from 'node:module';

process.on('uncaughtException', (error: unknown) => {
  // At once: what is only queued for a pipe is lost when the process ends.
  writeSync(process.stderr.fd, `fieldcheck: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(3);
});

// Half of what a short command takes is reading and compiling the sources.
enableCompileCache();
const [{ main }, { addDemo, addServe }] = await Promise.all([import('../cli/main.ts'), import('./commands.ts')]);
await main([addServe, addDemo]);
