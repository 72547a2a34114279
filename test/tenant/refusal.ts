/** The reason and the sentence of what `work` throws. */
export async function refusal(work: unknown): Promise<{ reason: unknown; says: string }> {
  const given: unknown = await Promise.resolve(work).catch((thrown: unknown) => thrown);
  if (given instanceof Error) return { reason: 'reason' in given ? given.reason : undefined, says: given.message };
  const { status, reason, detail } = given as { status?: unknown; reason?: unknown; detail?: unknown };
  if (status !== 'unobtainable') throw new Error('it was not refused');
  return { reason, says: String(detail) };
}
