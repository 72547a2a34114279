import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTenantMemory } from '../../src/sources/tenant-memory.ts';
import { contoso, fabrikam } from '../tenant/access.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('what was asked of a tenant', () => {
  it('is asked once by many, for each tenant and question apart', async () => {
    const memory = createTenantMemory();
    const ask = vi.fn(() => Promise.resolve({}));
    const [first, second] = await Promise.all([memory(contoso, 'a', ask), memory(contoso, 'a', ask)]);
    expect(second).toBe(first);
    await memory({ ...contoso, id: contoso.id.toUpperCase() }, 'a', ask);
    expect(ask).toHaveBeenCalledTimes(1);
    await memory(contoso, 'b', ask);
    await memory(fabrikam, 'a', ask);
    expect(ask).toHaveBeenCalledTimes(3);
  });

  it('is asked again after five minutes, and after one when nobody wanted it meanwhile', async () => {
    const memory = createTenantMemory();
    const ask = vi.fn(() => Promise.resolve({}));
    for (let second = 0; second < 300; second += 50) {
      await memory(contoso, 'a', ask);
      vi.advanceTimersByTime(50_000);
    }
    expect(ask).toHaveBeenCalledTimes(1);
    await memory(contoso, 'a', ask);
    expect(ask).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(61_000);
    await memory(contoso, 'a', ask);
    expect(ask).toHaveBeenCalledTimes(3);
  });

  it('is refused for a minute, then asked again; while it is asked it is never asked twice', async () => {
    const memory = createTenantMemory();
    const ask = vi.fn(() => Promise.reject(new Error('no')));
    for (let second = 0; second < 60; second += 20) {
      await expect(memory(contoso, 'a', ask)).rejects.toThrow('no');
      vi.advanceTimersByTime(20_000);
    }
    expect(ask).toHaveBeenCalledTimes(1);
    await expect(memory(contoso, 'a', ask)).rejects.toThrow('no');
    expect(ask).toHaveBeenCalledTimes(2);
    const never = vi.fn(() => new Promise<never>(() => {}));
    const first = memory(contoso, 'slow', never);
    vi.advanceTimersByTime(600_000);
    expect(memory(contoso, 'slow', never)).toBe(first);
    expect(never).toHaveBeenCalledTimes(1);
  });
});
