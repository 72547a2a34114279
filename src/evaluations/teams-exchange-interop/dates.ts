// Dates of the outside world, as data with their source. Times are the start of the day, UTC.

export interface Deadline {
  readonly date: string;
  readonly what: string;
  readonly source: string;
}

/** End of support without ESU; both extended programmes are over (Exchange Team Blog, Microsoft lifecycle pages). */
export const supportEnds: Readonly<Record<string, string | undefined>> = {
  'Exchange 2007 or older': '2017-04-11',
  'Exchange 2010': '2020-10-13',
  'Exchange 2013': '2023-04-11',
  'Exchange 2016': '2025-10-14',
  'Exchange 2019': '2025-10-14',
};

/** Exchange Online turns down mail from hybrid servers that lack the October 2025 security update, by first builds that have it. */
export const october2025Update: Readonly<Record<string, string | undefined>> = {
  '15.1.2507': '15.1.2507.61',
  '15.2.1544': '15.2.1544.36',
  '15.2.1748': '15.2.1748.39',
  '15.2.2562': '15.2.2562.29',
};

export const deadlines = {
  sharedPrincipalBlocked: {
    date: '2025-10-31',
    what: 'the shared service principal is blocked for hybrid calls to Exchange Online',
    source: 'techcommunity 4396833, "Exchange Server Security Changes for Hybrid Deployments"',
  },
  exchangeOnlineEwsPhasedOff: {
    date: '2026-10-01',
    what: 'EWS in Exchange Online is phased off where nobody set EwsEnabled',
    source: 'Microsoft Learn, "Control access to EWS in Exchange" (MC1485116)',
  },
  allowedAppIdsEnforced: {
    date: '2026-10-10',
    what: 'EwsAllowedAppIDs is enforced in Exchange Online',
    source: 'Microsoft Learn, "Control access to EWS in Exchange" (MC1485116)',
  },
  exchangeOnlineEwsOff: {
    date: '2027-04-01',
    what: 'EWS in Exchange Online is switched off: hybrid look-ups need Microsoft Graph',
    source: 'Microsoft Learn, "Control access to EWS in Exchange"; techcommunity 4517516',
  },
} as const satisfies Record<string, Deadline>;
