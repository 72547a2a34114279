/** A message as somebody handed it in: its own bytes, or what is left of it in a report or a copied header. */
export interface MailMessage {
  /** What was handed in: a delivery report, a message with its body, or header fields alone. */
  readonly in: 'report' | 'message' | 'headers';
  /** What the sender's side gets told: Message-ID as it stands there. */
  readonly messageId?: string;
  /** Domains of the addresses in From, in one spelling; none where there is no From, or none that can be read. */
  readonly from: readonly string[];
  /** When the receiver took it, and where that stands; ISO 8601, UTC. */
  readonly received?: { readonly at: string; readonly where: string };
  readonly signatures: readonly MailSignature[];
  /** Signatures beyond those that are looked at. */
  readonly moreSignatures: number;
  readonly claims: readonly MailClaim[];
  /** What came back, where something did. */
  readonly report?: DeliveryReport;
  /** The report, or what was copied, holds neither the message nor its header. */
  readonly withoutOriginal: boolean;
}

/** One DKIM-Signature field (RFC 6376 section 3.5). */
export interface MailSignature {
  /** `d=` and `s=`, in lower case; as they stand there when they are no names. */
  readonly domain: string;
  readonly selector: string;
  /** `a=` */
  readonly algorithm: string;
  /** `t=` and `x=`; ISO 8601, UTC. */
  readonly signedAt?: string;
  readonly expiresAt?: string;
  /** `l=`: bytes of the body that are signed; all when left out. */
  readonly bodyLength?: number;
  /** Does the From belong to the same organization (DMARC, relaxed)? Undefined without From. */
  readonly aligned: boolean | undefined;
  /** Why no receiver looks at it further, one sentence; undefined when nothing is wrong with the field itself. */
  readonly problem?: string;
  readonly body: 'verifies' | 'differs' | 'not_supplied';
  /** Does the header half verify with this key record? A sentence where the record does not allow this signature. */
  verifiesWith(keyRecord: string): boolean | string;
}

/** What a server on the way says of DKIM (RFC 8601), a claim and no proof. */
export interface MailClaim {
  /** Its authserv-id; empty where the field names none. */
  readonly by: string;
  /** `pass`, `fail`, `none`, `permerror` … */
  readonly result: string;
  readonly detail: string;
  /** The signature that it speaks of, where it says so. */
  readonly domain?: string;
  readonly selector?: string;
}

/** Why a message came back (RFC 3464), without the address that it was for. */
export interface DeliveryReport {
  /** The server that refused it, else the one that reports. */
  readonly by?: string;
  /** Enhanced status code (RFC 3463), e.g. `5.7.26`. */
  readonly status?: string;
  /** What the server answered. */
  readonly diagnostic?: string;
}
