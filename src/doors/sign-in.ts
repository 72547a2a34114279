import { z } from 'zod';
import { answer, type Door, door, media, query } from './door.ts';

/** People with a browser. Programs send a bearer and need none of these. */
export const signInDoors: readonly Door[] = [
  door('signIn', 'GET', 'sign-in', {
    title: 'Sign in with a browser',
    needs: 'open',
    parameters: [query('to', 'Where to come back to: an address of this app, from `/api/` on.', z.string())],
    answers: { 302: answer('To Entra ID.', undefined, { Location: 'Where one signs in.' }) },
    async handle(app, { query: given }) {
      const { to, cookies } = app.startSignIn(given.get('to') ?? undefined);
      return { status: 302, headers: { location: to }, cookies };
    },
  }),
  door('signInCallback', 'GET', 'sign-in/callback', {
    title: 'Where Entra ID sends a browser back to',
    needs: 'open',
    parameters: [
      query('code', 'Of Entra ID.', z.string()),
      query('state', 'As it was sent there.', z.string()),
      query('error', 'Why there is no code.', z.string()),
    ],
    answers: { 302: answer('Signed in.', undefined, { Location: 'The page that was asked for.' }) },
    problems: [400],
    async handle(app, { query: given, headers }) {
      const of = (name: string) => given.get(name) ?? undefined;
      const cookie = headers.get('cookie') ?? undefined;
      const { to, cookies } = await app.finishSignIn({
        code: of('code'),
        state: of('state'),
        error: of('error'),
        cookie,
      });
      return { status: 302, headers: { location: to }, cookies };
    },
  }),
  door('signOut', 'GET', 'sign-out', {
    title: 'Sign out of fieldcheck in this browser',
    needs: 'open',
    answers: { 200: answer('Done; Entra ID goes on knowing the person.', media('text/plain; charset=utf-8')) },
    handle: async (app) => ({
      body: 'You are signed out of fieldcheck in this browser.\n',
      cookies: app.signOut(),
    }),
  }),
];
