/** The reason and the sentence of what `work` throws. */
export async function refusal(work: Promise<unknown>): Promise<{ reason: unknown; says: string }> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error('it was not refused');
  return { reason: 'reason' in error ? error.reason : undefined, says: error.message };
}
