// Pages for people, beside the doors for programs: the same App, shown. What they throw becomes a page that says what to do.
import { z } from 'zod';
import { type App, Problem } from '../app/index.ts';
import { notFound } from '../app/problem.ts';
import { isSilence } from '../domain/statement.ts';
import type { Registry } from '../evaluations/registry.ts';
import {
  doctorPage,
  explainPage,
  healthPage,
  organizationPage,
  overviewPage,
  pagePolicy,
  problemPage,
  rulePage,
  rulesPage,
  runPage,
  type Site,
  script,
  style,
  subjectPage,
  to,
  watchPage,
} from '../pages/index.ts';
import { answer, type Body, type Door, type DoorAnswer, type DoorRequest, door, inPath, media, query } from './door.ts';
import { fault, problemDetails, problemOf } from './problem.ts';

const html = media('text/html; charset=utf-8');
const shown = answer('A page.', html);

/** Who looks, and from where. */
function siteOf({ identity }: Pick<DoorRequest, 'identity'>, now: Date): Site {
  return { root: '/api', now, who: identity?.name ?? 'not signed in' };
}

/** A text of the query; undefined when it is not there. */
function given<const Name extends string>({ query: all }: Pick<DoorRequest, 'query'>, ...names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, all.get(name) ?? undefined])) as Record<
    Name,
    string | undefined
  >;
}

type Refused = Readonly<Partial<Record<number, string>>>;

/** What a page is refused with, as a page. */
const refusals: Refused = {
  400: 'What was asked for cannot be.',
  404: 'There is no such thing.',
  409: 'There is nothing to look at.',
  413: 'What was handed in is too long.',
  500: 'fieldcheck stopped with an error of its own.',
  503: 'The storage does not answer.',
};

interface PageDoor<Path extends string> {
  readonly title: string;
  /** `read` when left out: of the organization in its path, or of those that the caller may see. */
  readonly needs?: Door['needs'];
  readonly parameters?: Door['parameters'];
  readonly body?: Body;
  readonly answers?: Door['answers'];
  show(
    app: App,
    request: Parameters<Parameters<typeof door<Path>>[3]['handle']>[1],
    site: Site,
  ): Promise<DoorAnswer | string>;
}

/** Declares a page: what goes wrong is a page, too. */
function pageDoor<const Path extends string>(
  id: string,
  method: 'GET' | 'POST',
  path: Path,
  { title, show, needs = 'read', parameters, body, answers = { 200: shown } }: PageDoor<Path>,
): Door {
  const headers = { 'content-security-policy': pagePolicy };
  return door(id, method, path, {
    title,
    needs,
    ...(parameters === undefined ? {} : { parameters }),
    ...(body === undefined ? {} : { body }),
    answers: {
      ...answers,
      ...Object.fromEntries(Object.entries(refusals).map(([status, is]) => [status, answer(is ?? '', html)])),
    },
    async handle(app, request) {
      const site = siteOf(request, app.now());
      try {
        const made = await show(app, request, site);
        return typeof made === 'string' ? { body: made, headers } : made;
      } catch (error) {
        const problem = problemOf(error);
        // A fault of ours is logged where the answer is made; people get to see no more than that it is one.
        if (problem === undefined) throw error;
        const { status, title: called, detail } = problemDetails.parse(JSON.parse(String((problem ?? fault).body)));
        return { status, body: problemPage(site, status, called, detail), headers };
      }
    },
  });
}

/**
 * A form may only be sent from a page of the same origin: a page elsewhere must not act for whoever is signed in here.
 *
 * @throws Problem when the browser does not say so (Fetch Metadata, `Sec-Fetch-Site`)
 */
function fromOwnPage({ headers }: Pick<DoorRequest, 'headers'>): void {
  if (headers.get('sec-fetch-site') === 'same-origin') return;
  throw new Problem(
    400,
    'This form was not sent from a page of fieldcheck. Open the page anew and send it from there.',
  );
}

const watch = 'pages/organizations/{organization}/{evaluation}';
const text = (name: string, description: string) => query(name, description, z.string());
const found = answer('Done; the page to look at next.', undefined, { Location: 'The page.' });
const form = (limit: number): Body => ({ content: media('application/x-www-form-urlencoded'), limit });
const rule = inPath('rule', 'Name of a rule, without that of its evaluation.', 'active-key-published');

/** What a form says of an incident; a field that is left empty is not said. */
async function saidIn({ bytes }: Pick<DoorRequest, 'bytes'>, ...names: readonly string[]) {
  const fields = new URLSearchParams(new TextDecoder().decode(await bytes()));
  return Object.fromEntries(
    [...names, 'until', 'reason', 'ticket'].flatMap((name) => {
      const value = fields.get(name)?.trim() ?? '';
      return value === '' ? [] : [[name, value]];
    }),
  );
}

/** A pasted message, as a form sends it. */
const longestForm = 4_000_000;

export const pageDoors = ({ all }: Registry): readonly Door[] => [
  pageDoor('overviewPage', 'GET', 'pages', {
    title: 'Page: every organization and every question, worst first',
    parameters: [
      text('q', 'Part of a name.'),
      text('answer', '`no`, `undetermined`, `late` or `fine`.'),
      text('owner', 'Who has something to mend.'),
      text('all', '`yes`: every row, however many.'),
    ],
    show: async (app, request, site) =>
      overviewPage(site, await app.overview(), given(request, 'q', 'answer', 'owner', 'all')),
  }),
  pageDoor('organizationPage', 'GET', 'pages/organizations/{organization}', {
    title: 'Page: one organization, what is to mend and whose it is',
    show: async (app, { params }, site) => organizationPage(site, await app.organizationView(params.organization)),
  }),
  pageDoor('watchPage', 'GET', watch, {
    title: 'Page: one evaluation of an organization, by cause and by subject',
    parameters: [
      text('q', 'Part of a name.'),
      text('answer', 'An answer.'),
      text('owner', 'Who has to mend.'),
      text('severity', 'How bad.'),
      text('cause', 'Id of a rule.'),
    ],
    show: async (app, request, site) =>
      watchPage(
        site,
        await app.watchView(request.params.organization, request.params.evaluation),
        given(request, 'q', 'answer', 'owner', 'severity', 'cause'),
      ),
  }),
  pageDoor('startRunPage', 'POST', `${watch}/runs`, {
    title: 'Form: run again, then look how far it is',
    needs: 'operate',
    body: form(10_000),
    answers: { 303: found },
    async show(app, request, site) {
      fromOwnPage(request);
      const { runId } = await app.startRun(request.params.organization, request.params.evaluation, 'request');
      return { status: 303, headers: { location: to.run(site, runId) } };
    },
  }),
  pageDoor('subjectPage', 'GET', `${watch}/subjects/{subject}`, {
    title: 'Page: one subject, its history and every finding',
    show: async (app, { params: { organization, evaluation, subject } }, site) =>
      subjectPage(site, await app.subjectView(organization, evaluation, subject)),
  }),
  pageDoor('acceptPage', 'POST', `${watch}/subjects/{subject}/acceptances`, {
    title: 'Form: accept an incident, then look at its subject',
    needs: 'operate',
    body: form(10_000),
    answers: { 303: found },
    async show(app, request, site) {
      fromOwnPage(request);
      const { organization, evaluation, subject } = request.params;
      await app.addAcceptance(organization, await saidIn(request, 'key'));
      return { status: 303, headers: { location: to.subject(site, organization, evaluation, subject) } };
    },
  }),
  pageDoor('silencePage', 'POST', 'pages/statements/{organization}', {
    title: 'Form: silence during a maintenance, then look at the organization',
    needs: 'operate',
    body: form(10_000),
    answers: { 303: found },
    async show(app, request, site) {
      fromOwnPage(request);
      const { organization } = request.params;
      const { evaluation, subject, ...said } = await saidIn(request, 'evaluation', 'subject');
      await app.addSilence(organization, { ...said, match: { evaluation, subject } });
      return { status: 303, headers: { location: to.organization(site, organization) } };
    },
  }),
  pageDoor('endStatementPage', 'POST', 'pages/statements/{organization}/{statement}/end', {
    title: 'Form: end a silence or an acceptance, then look at the organization',
    needs: 'operate',
    parameters: [inPath('statement', 'Its id.', 'silence-20261124-1a2b3c4d')],
    body: form(10_000),
    answers: { 303: found },
    async show(app, request, site) {
      fromOwnPage(request);
      const { organization, statement } = request.params;
      await app.endStatement(organization, isSilence(statement) ? 'silence' : 'acceptance', statement);
      return { status: 303, headers: { location: to.organization(site, organization) } };
    },
  }),
  pageDoor('runPage', 'GET', 'pages/runs/{runId}', {
    title: 'Page: how far a run is, and what it found so far',
    async show(app, { params }, site) {
      const { run, organization, evaluation } = await app.runView(params.runId);
      return runPage(site, run, organization, evaluation);
    },
  }),
  pageDoor('rulesPage', 'GET', 'pages/rules', {
    title: 'Page: the rules there are',
    show: async (app, _, site) => rulesPage(site, app.evaluationWords()),
  }),
  pageDoor('rulePage', 'GET', 'pages/rules/{evaluation}/{rule}', {
    title: 'Page: a rule, and where it fails now',
    parameters: [rule],
    show: async (app, { params }, site) => rulePage(site, await app.ruleView(params.evaluation, params.rule)),
  }),
  pageDoor('healthPage', 'GET', 'pages/health', {
    title: 'Page: runs, channels, and whether fieldcheck itself is well',
    show: async (app, _, site) => healthPage(site, await app.healthView()),
  }),
  pageDoor('doctorPage', 'GET', 'pages/doctor', {
    title: 'Page: does everything work from where the app runs?',
    needs: 'administer',
    show: async (app, _, site) => doctorPage(site, await app.examine()),
  }),
  pageDoor('explainPage', 'GET', 'pages/explain', {
    title: 'Page: paste a bounce to have it explained',
    show: async (app, _, site) => explainPage(site, await app.organizations(), undefined, undefined),
  }),
  pageDoor('explainFormPage', 'POST', 'pages/explain', {
    title: 'Form: explain what was pasted; nothing of it is kept',
    body: form(longestForm),
    async show(app, request, site) {
      fromOwnPage(request);
      const values = new URLSearchParams(new TextDecoder().decode(await request.bytes()));
      const pasted = { message: values.get('message') ?? '', organization: values.get('organization') ?? '' };
      const explains = all.find(({ look }) => look !== undefined)?.id ?? '';
      const handedIn = { name: 'what was pasted', content: new TextEncoder().encode(pasted.message) };
      const organizations = await app.organizations();
      try {
        // It stands in the form and not in the path, so nobody has asked yet whether it is the caller's.
        if (pasted.organization !== '' && !(await request.may('read', pasted.organization)))
          throw notFound(`The organization "${pasted.organization}"`);
        const { text: said, answer: is } =
          pasted.organization === ''
            ? await app.look(explains, handedIn)
            : await app.lookInto(pasted.organization, explains, handedIn);
        return explainPage(site, organizations, pasted, { answer: is, text: said });
      } catch (error) {
        const problem = problemOf(error);
        if (problem === undefined) throw error;
        const { detail } = problemDetails.parse(JSON.parse(String(problem.body)));
        return explainPage(site, organizations, pasted, { refused: detail });
      }
    },
  }),
  asset('pageStyle', 'pages/style.css', 'The style sheet of the pages', 'text/css; charset=utf-8', style),
  asset('pageScript', 'pages/script.js', 'The script of the pages', 'text/javascript; charset=utf-8', script),
];

/** A file of the pages: nothing in it is secret, and its address changes with it. */
function asset(id: string, path: string, title: string, mediaType: string, content: string): Door {
  return door(id, 'GET', path, {
    title,
    needs: 'open',
    parameters: [text('v', 'Changes with the file.')],
    answers: { 200: answer('The file.', media(mediaType)) },
    handle: async () => ({ body: content, headers: { 'cache-control': 'public, max-age=31536000, immutable' } }),
  });
}
