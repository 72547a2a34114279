import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

/** Takes the lines of a log. */
export interface LineReader {
  rows: number;
  malformedRows: number;
  startFile(): void;
  endFile(): void;
  /** Whole lines: `bytes[start..end)`, ending after a line feed. */
  scan(bytes: Buffer, start: number, end: number): void;
  /** The last line of a file, without its end. */
  scanCut(bytes: Buffer, start: number, end: number): void;
}

/** Why a file could not be read to its end, for whoever has to give another one. */
export function whyNotRead(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR') return 'the compressed file is cut off before its end';
  if (code.startsWith('Z_')) return 'the compressed file is damaged';
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read from here (access denied)';
  if (code === 'EBUSY') return 'another program holds it; copy it first';
  return error instanceof Error ? error.message : String(error);
}

/** Half of what a core's second cache usually holds: larger ones are scanned more slowly, smaller ones are asked for more often. */
const bufferBytes = 1 << 19;
const lf = 0x0a;

/**
 * Reads one file through the scanner in a buffer of fixed size, whatever the file's: plain or gzip (by its first
 * bytes), UTF-8 or UTF-16 (by its byte order mark).
 *
 * @throws the system's error when the file cannot be read or is no whole gzip
 */
export async function readLogFile(path: string, scanner: LineReader, signal?: AbortSignal): Promise<void> {
  const file = await open(path);
  try {
    const start = new Uint8Array(3);
    await file.read(start, 0, 3, 0);
    scanner.startFile();
    const lines = new LineBuffer(scanner);
    if (start[0] === 0x1f && start[1] === 0x8b) {
      await readText(createReadStream(path).pipe(createGunzip({ chunkSize: bufferBytes })), lines, signal);
    } else if (start[0] === 0xff && start[1] === 0xfe) {
      await readText(createReadStream(path), lines, signal);
    } else {
      let position = start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf ? 3 : 0;
      for (;;) {
        signal?.throwIfAborted();
        const free = lines.free();
        const { bytesRead } = await file.read(free, 0, free.length, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        lines.filled(bytesRead);
      }
    }
    lines.end();
    scanner.endFile();
  } finally {
    await file.close();
  }
}

/** Chunks of a stream, decoded when they start with the byte order mark of UTF-16. */
async function readText(stream: NodeJS.ReadableStream, lines: LineBuffer, signal?: AbortSignal): Promise<void> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let isFirst = true;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    if (isFirst && chunk[0] === 0xff && chunk[1] === 0xfe) decoder = new TextDecoder('utf-16le');
    const withoutMark = isFirst && chunk[0] === 0xef && chunk[1] === 0xbb ? chunk.subarray(3) : chunk;
    isFirst = false;
    lines.add(decoder === undefined ? withoutMark : Buffer.from(decoder.decode(chunk, { stream: true })));
  }
}

/** Hands whole lines to the scanner and keeps the rest for the next piece. */
class LineBuffer {
  readonly #scanner: LineReader;
  readonly #bytes = Buffer.allocUnsafe(bufferBytes);
  #length = 0;
  /** In a line longer than the buffer: nothing of it is a row. */
  #skipping = false;

  constructor(scanner: LineReader) {
    this.#scanner = scanner;
  }

  /** Room for more; there always is some. */
  free(): Buffer {
    return this.#bytes.subarray(this.#length);
  }

  filled(count: number): void {
    this.#length += count;
    const last = this.#bytes.subarray(0, this.#length).lastIndexOf(lf);
    if (last === -1) {
      if (this.#length < this.#bytes.length) return;
      if (!this.#skipping) this.#scanner.rows++;
      if (!this.#skipping) this.#scanner.malformedRows++;
      this.#skipping = true;
      this.#length = 0;
      return;
    }
    let start = 0;
    if (this.#skipping) start = this.#bytes.indexOf(lf) + 1;
    this.#skipping = false;
    this.#scanner.scan(this.#bytes, start, last + 1);
    this.#bytes.copyWithin(0, last + 1, this.#length);
    this.#length -= last + 1;
  }

  add(chunk: Buffer): void {
    let from = 0;
    while (from < chunk.length) {
      const free = this.free();
      const count = Math.min(free.length, chunk.length - from);
      chunk.copy(free, 0, from, from + count);
      from += count;
      this.filled(count);
    }
  }

  /** The last line may lack its end: the server is still writing it. */
  end(): void {
    const stop = this.#bytes[this.#length - 1] === 0x0d ? this.#length - 1 : this.#length;
    if (!this.#skipping) this.#scanner.scanCut(this.#bytes, 0, stop);
    this.#length = 0;
  }
}
