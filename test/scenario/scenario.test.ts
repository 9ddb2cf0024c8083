import { describe, test } from 'vitest';
import { CAN_SCORE, WHY_NOT, expectAllMatch } from './score.ts';

describe.skipIf(!CAN_SCORE)(`scenarios, adapters and queries alone${WHY_NOT}`, () => {
  test.each(['acme-small', 'acme-edges', 'acme-quarter'])(
    '%s: every test and every chain is as truth tells',
    { timeout: 240_000 },
    (name) => expectAllMatch(name, 'memory'),
  );
});

// By files: by-files.test.ts, which runs beside this.
describe.skipIf(!CAN_SCORE)(`a scenario through intake, log, worker, store and API${WHY_NOT}`, () => {
  test.each(['acme-small', 'acme-quarter'])(
    '%s by deliveries: every test and every chain is as truth tells',
    { timeout: 1_800_000 },
    (name) => expectAllMatch(name, 'deliver'),
  );
});
