import { describe, test } from 'vitest';
import { CAN_SCORE, WHY_NOT, expectAllMatch } from './score.ts';

// A file of its own, so that it runs beside the deliveries: each of the two takes minutes.
describe.skipIf(!CAN_SCORE)(`a scenario through files, log, worker, store and API${WHY_NOT}`, () => {
  test.each(['acme-small', 'acme-quarter'])(
    '%s: every test and every chain is as truth tells',
    { timeout: 1_800_000 },
    (name) => expectAllMatch(name, 'import'),
  );
});
