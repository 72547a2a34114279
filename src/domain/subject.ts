import { z } from 'zod';

/** What one evaluation looks at. Each kind has a schema of its own, which says what else is known of such a subject. */
export const subject: z.ZodType<Subject> = z.looseObject({
  /** `mail-domain`, `smtp-service` … */
  kind: z.string(),
  /** What a run calls it. */
  id: z.string(),
});

export interface Subject {
  readonly kind: string;
  readonly id: string;
}
