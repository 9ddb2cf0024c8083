import { expect, test } from 'vitest';
import { seeded } from '../support/random.ts';
import { runTamperTrials } from '../support/tamper.ts';

// `npm run test:tamper` runs ten thousand.
test('whatever is done to a signed history is found', () => {
  const { trials, missed } = runTamperTrials(350, seeded(20_261_125));
  expect(missed).toEqual([]);
  expect(Object.values(trials).every((count) => count >= 50)).toBe(true);
});
