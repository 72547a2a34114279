import { createSecureContext, getCACertificates, rootCertificates, type SecureContext } from 'node:tls';

/** Whom we trust over TLS. Each is made once, when it is first needed: reading all public roots takes ten milliseconds. */
export interface Roots {
  /**
   * Trusted by whatever we send something to: what Node trusts (the public roots, NODE_EXTRA_CA_CERTS) and the operator's
   * own. `pem` is undefined when there are none of the operator's: what Node trusts by itself is it then.
   */
  readonly ours: { readonly pem: string[] | undefined; readonly secureContext: SecureContext };
  /**
   * Trusted by others, who connect to what we only look at: the public roots (Mozilla's, as Node carries them) and the
   * operator's own. What this machine alone trusts is not among them.
   */
  readonly published: { readonly pem: string[]; readonly secureContext: SecureContext };
}

/** Old protocols and weak ciphers of what we look at are let in to be seen; what they are worth is for the rules to say. */
export const anything = { minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;

/** By the operator's own: whoever connects anew has the same. */
const made = new Map<string, Roots>();

/**
 * @param own PEM texts (`--ca`), each with one certificate or more
 * @throws Error when there is a text without any
 */
export function createRoots(own: readonly string[] = []): Roots {
  const added = own.flatMap((text) => {
    const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
    if (found === null) throw new Error('A file of roots to trust (--ca) holds no certificate as PEM.');
    return found;
  });
  const key = added.join('\n');
  const known = made.get(key);
  if (known !== undefined) return known;
  let ours: Roots['ours'] | undefined;
  let published: Roots['published'] | undefined;
  const roots: Roots = {
    get ours() {
      if (ours === undefined) {
        const pem = added.length === 0 ? undefined : [...getCACertificates('default'), ...added];
        ours = { pem, secureContext: createSecureContext({ ca: pem }) };
      }
      return ours;
    },
    get published() {
      if (published === undefined) {
        const pem = [...rootCertificates, ...added];
        published = { pem, secureContext: createSecureContext({ ...anything, ca: pem }) };
      }
      return published;
    },
  };
  made.set(key, roots);
  return roots;
}
