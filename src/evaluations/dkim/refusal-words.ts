/**
 * What the enhanced status code of a refusal means (RFC 3463, RFC 7372; Microsoft: "Email non-delivery reports in Exchange
 * Online"; Google: "SMTP errors and codes"), and whether it is about authentication at all.
 */
const codes: Readonly<Record<string, { readonly says: string; readonly ofDkim: boolean }>> = {
  '5.7.20': { says: 'no DKIM signature of the message passed', ofDkim: true },
  '5.7.21': { says: 'no DKIM signature that the receiver accepts passed', ofDkim: true },
  '5.7.22': { says: 'no DKIM signature of the author’s domain passed', ofDkim: true },
  '5.7.26': { says: 'the message is not authenticated: neither DKIM nor SPF passed for the sender', ofDkim: true },
  '5.7.27': { says: 'the sender’s SPF check failed', ofDkim: false },
  '5.7.30': { says: 'the receiver asks for a DKIM signature that passes', ofDkim: true },
  '5.7.32': { says: 'From is not aligned with what DKIM or SPF authenticated', ofDkim: true },
  '5.7.509': { says: 'the sender’s domain fails DMARC, and its policy is to reject', ofDkim: true },
  '5.7.515': { says: 'the sender’s domain does not meet what the receiver asks of authentication', ofDkim: true },
  '5.7.23': { says: 'SPF failed', ofDkim: false },
  '5.7.24': { says: 'SPF could not be checked', ofDkim: false },
  '5.7.25': { says: 'the sending address has no reverse name', ofDkim: false },
  '5.1.1': { says: 'there is no such mailbox at the receiver', ofDkim: false },
  '5.1.10': { says: 'there is no such mailbox at the receiver', ofDkim: false },
  '5.1.8': { says: 'the receiver takes no mail from this sender', ofDkim: false },
  '5.2.2': { says: 'the mailbox is full', ofDkim: false },
  '5.2.3': { says: 'the message is too large for the mailbox', ofDkim: false },
  '5.3.4': { says: 'the message is too large', ofDkim: false },
  '5.4.1': { says: 'the receiver’s domain takes no mail for this recipient', ofDkim: false },
  '5.4.4': { says: 'the receiver’s mail server was not found in DNS', ofDkim: false },
  '5.4.7': { says: 'the message waited too long', ofDkim: false },
  '4.4.7': { says: 'the message waited too long', ofDkim: false },
};

/** What a refusal says in words, and whether DKIM can be its reason; undefined: nobody can tell. */
export function refusalWords(
  status: string | undefined,
  diagnostic = '',
): { readonly says: string; readonly ofDkim: boolean | undefined } {
  // Temporary refusals have the same details as final ones.
  const found = codes[status ?? ''] ?? codes[(status ?? '').replace(/^4/, '5')];
  const speaksOfDkim =
    /\bDKIM\b|\bDMARC\b|unauthenticated|not authenticated|authentication (?:check|requirement)/i.test(diagnostic);
  if (found !== undefined) return { says: found.says, ofDkim: found.ofDkim || speaksOfDkim };
  if (speaksOfDkim) return { says: 'the receiver names DKIM or DMARC as the reason', ofDkim: true };
  if (status?.startsWith('5.7.') === true)
    return { says: 'the receiver’s policy refused the message', ofDkim: undefined };
  return { says: 'the receiver refused the message', ofDkim: undefined };
}
