/** Where a page stands and who looks at it. Pages make every address here. */
export interface Site {
  /** Of the interface: `/api`. */
  readonly root: string;
  /** The moment at which the page is made. */
  readonly now: Date;
  /** Who is signed in, as people call them; how they came in where nobody has a name. */
  readonly who: string;
}

type Query = Readonly<Record<string, string | undefined>>;

/** An address below the interface's root. */
export function address(site: Site, steps: readonly string[], query: Query = {}): string {
  const path = steps.map(encodeURIComponent).join('/');
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return `${site.root}/${path}${given.length === 0 ? '' : `?${given.join('&')}`}`;
}

/** The addresses of pages, and of what pages hand on. */
export const to = {
  overview: (site: Site, query?: Query) => address(site, ['pages'], query),
  organization: (site: Site, organization: string) => address(site, ['pages', 'organizations', organization]),
  watch: (site: Site, organization: string, evaluation: string, query?: Query) =>
    address(site, ['pages', 'organizations', organization, evaluation], query),
  subject: (site: Site, organization: string, evaluation: string, subject: string) =>
    address(site, ['pages', 'organizations', organization, evaluation, 'subjects', subject]),
  startRun: (site: Site, organization: string, evaluation: string) =>
    address(site, ['pages', 'organizations', organization, evaluation, 'runs']),
  accept: (site: Site, organization: string, evaluation: string, subject: string) =>
    address(site, ['pages', 'organizations', organization, evaluation, 'subjects', subject, 'acceptances']),
  silence: (site: Site, organization: string) => address(site, ['pages', 'statements', organization]),
  endStatement: (site: Site, organization: string, statement: string) =>
    address(site, ['pages', 'statements', organization, statement, 'end']),
  run: (site: Site, runId: string) => address(site, ['pages', 'runs', runId]),
  rules: (site: Site) => address(site, ['pages', 'rules']),
  /** @param rule its id */
  rule: (site: Site, rule: string) => address(site, ['pages', 'rules', ...rule.split('/')]),
  health: (site: Site) => address(site, ['pages', 'health']),
  doctor: (site: Site) => address(site, ['pages', 'doctor']),
  explain: (site: Site) => address(site, ['pages', 'explain']),
  report: (site: Site, organization: string, evaluation: string | undefined, format: string) =>
    address(
      site,
      ['organizations', organization, ...(evaluation === undefined ? [] : ['evaluations', evaluation]), 'report'],
      { format },
    ),
  document: (site: Site, organization: string) => address(site, ['organizations', organization]),
  documentHistory: (site: Site, organization: string) => address(site, ['organizations', organization, 'history']),
};
