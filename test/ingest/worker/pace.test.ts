import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createPace } from '../../../ingest/worker/pace.ts';
import type { Pace } from '../../../ingest/worker/pace.ts';

const PLACE = { topic: 'okta.log', partition: 0 } as const;
const OTHER = { topic: 'ce', partition: 0 } as const;

let said: string[];
let pace: Pace;
beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  const consumer = {
    pause: ({ topic }: { topic: string }) => void said.push(`pause ${topic}`),
    resume: ({ topic }: { topic: string }) => void said.push(`resume ${topic}`),
  };
  pace = createPace(() => Promise.resolve(consumer), 500);
});
afterEach(() => vi.useRealTimers());

describe('the pace of small batches', () => {
  test('after a small batch a partition rests, alone, and goes on by itself', async () => {
    await pace.took(PLACE, 3);
    expect(said).toEqual(['pause okta.log']);
    await pace.took(OTHER, 2_000);
    await vi.advanceTimersByTimeAsync(499);
    expect(said).toEqual(['pause okta.log']);
    await vi.advanceTimersByTimeAsync(1);
    expect(said).toEqual(['pause okta.log', 'resume okta.log']);
  });

  test('whoever waits for it wakes it, and keeps it awake until all are served', async () => {
    await pace.took(PLACE, 1);
    const first = await pace.hurry(PLACE);
    expect(said).toEqual(['pause okta.log', 'resume okta.log']);
    const second = await pace.hurry(PLACE);
    await pace.took(PLACE, 1);
    first();
    await pace.took(PLACE, 1);
    expect(said).toHaveLength(2);
    second();
    await pace.took(PLACE, 1);
    expect(said).toEqual(['pause okta.log', 'resume okta.log', 'pause okta.log']);
  });

  test('one who comes while a batch is taken is not made to wait for the rest', async () => {
    const taken = pace.took(PLACE, 1);
    await pace.hurry(PLACE);
    await taken;
    expect(said.at(-1)).not.toBe('pause okta.log');
  });

  test('a rest of nothing is none', async () => {
    await createPace(() => Promise.reject(new Error('not asked')), 0).took(PLACE, 1);
  });
});
