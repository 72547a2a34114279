import { describe, expect, it } from 'vitest';
import { InvalidChannel, redactUrl } from '../../src/notifiers/address.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import { createTeamsWorkflowNotifier, type WebhookUrlPolicy } from '../../src/notifiers/teams-workflow/index.ts';

const tail =
  '/workflows/0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SECRET-sig_42';
const today = `https://default0123456789abcdef.12.environment.api.powerplatform.com:443/powerautomate/automations/direct${tail}`;
const before = `https://prod-42.westeurope.logic.azure.com:443${tail}`;

/** Why the address is no Workflows webhook; undefined when it is one. */
function problemOf(url: string | undefined, policy: WebhookUrlPolicy = {}): string | undefined {
  try {
    createTeamsWorkflowNotifier({ url, ...policy });
    return undefined;
  } catch (error) {
    if (error instanceof InvalidChannel) return error.message;
    throw error;
  }
}

describe('the address of a Workflows webhook', () => {
  it.each([
    today,
    before,
    today.replace(':443', ''),
    `https://contoso.api.gov.powerplatform.microsoft.us${tail}`,
    `https://contoso.api.high.powerplatform.microsoft.us${tail}`,
    `https://contoso.api.appsplatform.us${tail}`,
  ])('is accepted: %s', (url) => {
    expect(problemOf(url)).toBeUndefined();
  });

  it.each([
    [
      'cut off in a shell',
      before.replace(/&sp=.*$/, ''),
      'holds no signature ("sig"), so the flow would let nobody in',
    ],
    [
      'of an unknown cloud',
      `https://contoso.api.powerplatform.example${tail}`,
      'add the end of its host to FIELDCHECK_WEBHOOK_HOSTS',
    ],
    ['nothing', undefined, 'The channel has no address: set its url to "secret:NAME"'],
    ['an empty one', '', 'The channel has no address'],
    [
      'an unresolved Key Vault reference',
      '@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/SECRET)',
      'Azure could not resolve it: check the name of the secret, give the app\'s identity the role "Key Vault Secrets User"',
    ],
    ['an unresolved setting', 'secret:MAIL_TEAM_WEBHOOK', 'names a setting that does not exist'],
    [
      'a retired connector',
      'https://contoso.webhook.office.com/webhookb2/SECRET',
      "Microsoft switched those off in May 2026, so nothing would arrive. In Teams open the channel's Workflows",
    ],
    [
      'an older retired connector',
      'https://outlook.office.com/webhook/SECRET',
      'This is the address of an Office 365 connector',
    ],
    [
      'another host',
      `https://hooks.contoso.com${tail}`,
      'is no Workflows webhook: those end in .api.powerplatform.com or .logic.azure.com',
    ],
    ['a host that only ends alike', `https://evil-logic.azure.com${tail}`, 'is no Workflows webhook'],
    ['a host that only begins alike', `https://x.logic.azure.com.contoso.com${tail}`, 'is no Workflows webhook'],
    ['plain http', before.replace('https', 'http'), 'is not encrypted'],
    ['this machine', `http://127.0.0.1:7080${tail}`, 'only the local host posts there. Use an https address.'],
    [
      'user-info',
      `https://user:SECRET@prod-42.westeurope.logic.azure.com${tail}`,
      'holds a user name or password before the host',
    ],
    ['a line break at its end', `${today}\n`, 'has spaces or a line break at its ends'],
    ['a space inside', today.replace('&sv', ' &sv'), 'holds characters that no address has'],
    ['a fragment', `${today}#SECRET`, 'holds a # part'],
    ['no address', 'SECRET', 'does not start with https://'],
    ['another scheme', 'file:///etc/SECRET', 'does not start with https://'],
    ['a port that is none', today.replace(':443', ':99999'), "The host or port in the channel's address is not legal"],
    ['a host alone', 'https://prod-42.westeurope.logic.azure.com', 'is a host without its path and signature'],
  ])('is refused with what to do when it is %s', (_what, url, reason) => {
    const problem = problemOf(url);
    expect(problem).toContain(reason);
    expect(problem).not.toMatch(/SECRET(?!S)(?!_)(?! )|sig=/);
  });

  it.each(['.api.powerplatform.us', 'API.powerplatform.us'])(
    'may be in a sovereign cloud when %s is allowed',
    (suffix) => {
      const policy = { allowedHostSuffixes: [suffix] };
      const sovereign = `https://default01.12.environment.api.powerplatform.us${tail}`;
      expect(problemOf(sovereign)).toContain('is no Workflows webhook');
      expect(problemOf(sovereign, policy)).toBeUndefined();
      expect(problemOf(today, policy)).toBeUndefined();
      expect(problemOf(`https://evil-api.powerplatform.us${tail}`, policy)).toContain(
        'or .api.appsplatform.us or .api.powerplatform.us. In Teams',
      );
    },
  );

  it.each(['http://127.0.0.1:7080', 'http://localhost:7080', 'http://[::1]:7080'])(
    'may be %s for the local host',
    (origin) => {
      expect(problemOf(origin + tail, { allowLocal: true })).toBeUndefined();
    },
  );

  it('may be no other plain http, not even for the local host', () => {
    expect(problemOf(`http://192.0.2.1${tail}`, { allowLocal: true })).toContain('is not encrypted');
    expect(problemOf(`http://127.0.0.1.contoso.com${tail}`, { allowLocal: true })).toContain('is not encrypted');
  });
});

describe('the address of any webhook', () => {
  it('may be any https host', () => {
    expect(createNotifier({ kind: 'webhook', url: 'https://tickets.contoso.com/in?key=1' }).id).toBe('webhook');
  });

  it.each([
    'http://tickets.contoso.com/in',
    'https://contoso.webhook.office.com/webhookb2/x',
    '@Microsoft.KeyVault(x)',
    undefined,
  ])('is refused when it is %s', (url) => {
    expect(() => createNotifier({ kind: 'webhook', url })).toThrow(expect.objectContaining({ name: 'InvalidChannel' }));
  });
});

describe('an address in a log', () => {
  it('is its host and eight digits that tell two apart', () => {
    expect(redactUrl(today)).toMatch(
      /^https:\/\/default0123456789abcdef\.12\.environment\.api\.powerplatform\.com:443\/…#[0-9a-f]{8}$/,
    );
    expect(redactUrl(today)).toBe(redactUrl(today));
    expect(redactUrl(today)).not.toBe(redactUrl(`${today}0`));
  });

  it('shows nothing of what is no address', () => {
    expect(redactUrl('SECRET')).toMatch(/^\(no address\)#[0-9a-f]{8}$/);
    expect(redactUrl('https://user:SECRET@contoso.com/')).toMatch(/^\(no address\)#[0-9a-f]{8}$/);
  });
});
