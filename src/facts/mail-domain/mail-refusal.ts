import { z } from 'zod';

/** Signs in DNS that a domain sends no mail on purpose. Looked for only where none of its selectors has a key. */
export const mailRefusal = z
  .object({
    /** No selector that was asked for has a key. */
    noKey: z.boolean(),
    /** The wildcard that revokes every selector with an empty `p=`, e.g. `*._domainkey.contoso.com`. */
    revokedBy: z.string().optional(),
    /** One MX record that names no host (RFC 7505). Absent, as the next, when nobody asked. */
    nullMx: z.boolean().optional(),
    /** SPF allows no host to send: `v=spf1 -all`. */
    nobodySends: z.boolean().optional(),
  })
  .meta({ title: 'signs that the domain sends no mail' });

export type MailRefusal = z.infer<typeof mailRefusal>;
