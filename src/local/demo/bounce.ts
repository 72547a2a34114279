// A delivery report as Exchange Online writes one, for a message of the demo that a receiver refused: to be explained.
import { createHash, sign } from 'node:crypto';

export interface Bounced {
  readonly domain: string;
  readonly selector: string;
  /** PKCS#8, PEM: what the message was signed with. */
  readonly privateKey: string;
  readonly at: Date;
}

export function bounceOf({ domain, selector, privateKey, at }: Bounced): string {
  const date = at.toUTCString().replace('GMT', '+0000');
  const id = `${createHash('sha256').update(`${domain} ${date}`).digest('hex').slice(0, 16)}@${domain}`;
  const answer = `550 5.7.26 Unauthenticated email from ${domain} is not accepted due to the domain's DMARC policy.`;
  const body = 'Dear Ben,\r\n\r\nthe offer as agreed.\r\n';
  // Written as relaxed canonicalization has it, but for the capitals, so that it is signed as it stands.
  const fields = [
    `From: Adele <adele@${domain}>`,
    'To: Ben <ben@fabrikam.com>',
    'Subject: Offer',
    `Date: ${date}`,
    `Message-ID: <${id}>`,
  ];
  const names = fields.map((field) => field.slice(0, field.indexOf(':')));
  const tags = [
    'v=1',
    'a=rsa-sha256',
    'c=relaxed/relaxed',
    `d=${domain}`,
    `s=${selector}`,
    `t=${Math.floor(at.getTime() / 1000)}`,
    `h=${names.join(':')}`,
    `bh=${createHash('sha256').update(body).digest('base64')}`,
    'b=',
  ];
  const signed = [...fields, `DKIM-Signature: ${tags.join('; ')}`].map((field) => {
    const colon = field.indexOf(':');
    return `${field.slice(0, colon).toLowerCase()}:${field.slice(colon + 2)}`;
  });
  const signature = sign('sha256', Buffer.from(signed.join('\r\n')), privateKey).toString('base64');
  return [
    `From: <postmaster@contoso.onmicrosoft.com>`,
    `To: <adele@${domain}>`,
    `Date: ${date}`,
    'Subject: Undeliverable: Offer',
    `Message-ID: <report-${id}>`,
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="report"',
    '',
    '--report',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'Your message to ben@fabrikam.com could not be delivered.',
    '',
    '--report',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns;AM0PR00MB0000.eurprd00.prod.outlook.com',
    `Arrival-Date: ${date}`,
    '',
    'Final-Recipient: rfc822;ben@fabrikam.com',
    'Action: failed',
    'Status: 5.7.26',
    `Diagnostic-Code: smtp;${answer}`,
    'Remote-MTA: dns;mx.fabrikam.com',
    '',
    '--report',
    'Content-Type: message/rfc822',
    '',
    `Received: from mail.${domain} (192.0.2.7) by AM0PR00MB0000.eurprd00.prod.outlook.com with ESMTPS; ${date}`,
    `DKIM-Signature: ${tags.join('; ')}${signature}`,
    ...fields,
    '',
    body,
    '--report--',
    '',
  ].join('\r\n');
}
