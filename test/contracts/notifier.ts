import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Notifier } from '../../src/domain/notice.ts';
import { type Loopback, startLoopback } from '../notifiers/loopback.ts';
import { failingDomains, notice } from '../notifiers/notices.ts';

/** A part of every address here that no `detail` may show. */
const secret = '/in/SECRET?sig=SECRET';

const given = notice({ subjects: failingDomains(1) });

/** What every notifier keeps to. */
export function notifierContract(name: string, make: () => Notifier): void {
  describe(`${name} as a notifier`, () => {
    it('has a name', () => {
      expect(make().id).toBe(name);
    });

    it('gives the notice back to be sent again when it is stopped', async () => {
      const delivery = await make().send(given, AbortSignal.abort());
      expect(delivery).toMatchObject({ outcome: 'retry', detail: expect.stringMatching(/^Stopped before /) });
    });
  });
}

export interface HttpTarget {
  readonly url: string;
  readonly timeLimitMs?: number;
}

/** What a notifier posts, where it is no JSON to the address as written. */
export interface Posted {
  readonly contentType: string;
  readonly target?: RegExp;
}

/** What every notifier that posts keeps to, against real servers on the loopback address. */
export function httpNotifierContract(
  name: string,
  make: (target: HttpTarget) => Notifier,
  { contentType, target }: Posted = { contentType: 'application/json' },
): void {
  describe(`${name} over HTTP`, () => {
    const servers: Loopback[] = [];
    afterEach(async () => {
      await Promise.all(servers.splice(0).map((server) => server.close()));
    });

    async function sendTo(answer: RequestListener, timeLimitMs?: number) {
      const server = await startLoopback(answer);
      servers.push(server);
      const url = `http://127.0.0.1:${server.port}${secret}`;
      const notifier = make({ url, ...(timeLimitMs === undefined ? {} : { timeLimitMs }) });
      const delivery = await notifier.send(given, AbortSignal.timeout(10_000));
      expect(JSON.stringify(delivery)).not.toContain('SECRET');
      expect(delivery.detail).toMatch(/http:\/\/127\.0\.0\.1:\d+\/…#[0-9a-f]{8}/);
      return { delivery, server };
    }

    const answering =
      (status: number, headers: Record<string, string> = {}): RequestListener =>
      (_request, response) => {
        response.writeHead(status, headers).end('{"error":{"code":"SECRET","message":"SECRET"}}');
      };

    it.each([200, 201, 202, 204])('%i is delivered', async (status) => {
      const { delivery, server } = await sendTo(answering(status));
      expect(delivery.outcome).toBe('delivered');
      expect(server.arrived).toHaveLength(1);
      expect(server.arrived[0]).toMatchObject({
        method: 'POST',
        target: target === undefined ? secret : expect.stringMatching(target),
      });
      expect(server.arrived[0]?.headers['content-type']).toBe(contentType);
      if (contentType.endsWith('json')) expect(() => JSON.parse(server.arrived[0]?.body ?? '')).not.toThrow();
    });

    it.each([400, 401, 403, 404, 405, 410, 413, 422])('%i is rejected, with what to do', async (status) => {
      const { delivery } = await sendTo(answering(status));
      expect(delivery.outcome).toBe('rejected');
      expect(delivery.detail).toMatch(
        new RegExp(`answered ${status}: .*(Check|Create|create|Raise|Set|Store|store) .*\\.$`),
      );
    });

    it.each([408, 429, 500, 502, 503, 504])('%i is tried again', async (status) => {
      const { delivery } = await sendTo(answering(status));
      expect(delivery).toMatchObject({ outcome: 'retry', detail: expect.stringContaining(`answered ${status}: `) });
      expect(delivery).not.toHaveProperty('afterSeconds');
    });

    it('waits as long as Retry-After says, within an hour', async () => {
      expect((await sendTo(answering(429, { 'retry-after': '7' }))).delivery).toMatchObject({ afterSeconds: 7 });
      expect((await sendTo(answering(503, { 'retry-after': '999999' }))).delivery).toMatchObject({
        afterSeconds: 3600,
      });
    });

    it('follows no redirect', async () => {
      const { delivery, server } = await sendTo(answering(307, { location: '/elsewhere' }));
      expect(delivery).toMatchObject({
        outcome: 'rejected',
        detail: expect.stringContaining('a redirect, which is not followed'),
      });
      expect(server.arrived).toHaveLength(1);
    });

    it('gives up on a server that takes the notice and never answers, and says that it may come twice', async () => {
      const { delivery } = await sendTo(() => {}, 200);
      expect(delivery).toMatchObject({
        outcome: 'retry',
        detail: expect.stringContaining(
          'did not answer within 0.2 s. It may have taken the notice all the same; then it comes twice.',
        ),
      });
    });

    it('is tried again when the connection is reset', async () => {
      const { delivery } = await sendTo((request) => void request.socket.resetAndDestroy());
      expect(delivery).toMatchObject({
        outcome: 'retry',
        detail: expect.stringMatching(/cannot be reached \([A-Z_]+\)/),
      });
    });

    it('is tried again when nobody listens', async () => {
      const server = await startLoopback(() => {});
      await server.close();
      const delivery = await make({ url: `http://127.0.0.1:${server.port}${secret}` }).send(
        given,
        AbortSignal.timeout(10_000),
      );
      expect(delivery).toMatchObject({
        outcome: 'retry',
        detail: expect.stringContaining('cannot be reached (ECONNREFUSED)'),
      });
      expect(delivery.detail).not.toContain('SECRET');
    });

    it('does not wait for the end of a huge or endless answer', async () => {
      let written = 0;
      const { delivery } = await sendTo((_request, response) => {
        response.writeHead(500);
        const more = (): void => {
          written += 65_536;
          if (response.write(Buffer.alloc(65_536, 'x'))) setImmediate(more);
          else response.once('drain', more);
        };
        response.on('error', () => {});
        more();
      });
      expect(delivery).toMatchObject({ outcome: 'retry', detail: expect.stringContaining('answered 500') });
      expect(written).toBeLessThan(64 * 1024 * 1024);
    });

    it('is delivered when the answer breaks off after its status', async () => {
      const { delivery } = await sendTo((_request, response) => {
        response.writeHead(202, { 'content-length': '100' });
        response.write('x');
        setImmediate(() => response.destroy());
      });
      expect(delivery.outcome).toBe('delivered');
    });
  });
}
