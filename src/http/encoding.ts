import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream & AsyncIterable<Uint8Array>>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/** A body as it was before it was compressed: services and what stands in front of them compress unasked. */
export function decoded(body: Readable, encoding = 'identity'): AsyncIterable<Uint8Array> {
  const decoder = decoders[encoding.trim().toLowerCase()]?.();
  // What fails on the way is thrown to whoever reads.
  return decoder === undefined ? body : pipeline(body, decoder, () => {});
}
