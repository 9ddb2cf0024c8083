import { describe, expect, test } from 'vitest';
import { emptyStore } from '../support/ingest-harness.ts';
import { auditStore } from '../support/fault-audit.ts';
import { onBothLogs } from '../support/fault-lanes.ts';
import { crashAndGoOn, fillLog } from '../support/fault-scenario.ts';
import type { MakeWorker } from '../support/fault-scenario.ts';
import { createNaiveWorker, openTokenSession } from '../support/naive-worker.ts';
import type { Naivety } from '../support/naive-worker.ts';

// The proof that the suite can fail: workers as they are often written go through the crashes of fault 03, and the same
// audit must find what they lose and what they store twice.
const POINTS = [0, 1, 2, 3] as const;

onBothLogs('the null control', (lane) => {
  async function findingsOf(naivety: Naivety, fate: 'fail_before' | 'lose_answer', tokens = 0): Promise<string[]> {
    const session = await openTokenSession(lane.folder());
    try {
      await session.window(tokens);
      await fillLog(await lane.log());
      const found: string[] = [];
      for (const at of POINTS) {
        await emptyStore(lane.store());
        const committed = new Map<number, number>();
        const log = await lane.log();
        const make: MakeWorker = (writer, { maxBatchRecords }) => {
          const store = { writer, openReader: lane.store().openReader };
          const deps = { naivety, store, token: session.token, log, folder: lane.folder(), maxBatchRecords, committed };
          return Promise.resolve(createNaiveWorker(deps));
        };
        await crashAndGoOn(session.writer, make, at, fate);
        found.push(...(await auditStore(lane.store(), log)));
      }
      return found;
    } finally {
      await session.window(0);
      await session.writer.close();
    }
  }

  describe('is found out', () => {
    test('a worker that commits first loses records', async () => {
      const found = await findingsOf('commit_first', 'fail_before');
      expect(found.filter((one) => one.startsWith('lost:')).length).toBeGreaterThan(40);
      expect(found.some((one) => one.startsWith('root:') || one.startsWith('not sealed:'))).toBe(true);
    }, 240_000);

    test('a worker that retries by token and does not read back stores records twice', async () => {
      const found = await findingsOf('retry_by_token', 'lose_answer');
      expect(found.some((one) => one.startsWith('twice:') || one.startsWith('copies that'))).toBe(true);
    }, 240_000);

    test('where the engine keeps tokens, too: the batches of the next start are others', async () => {
      const found = await findingsOf('retry_by_token', 'lose_answer', 100);
      expect(found.some((one) => one.startsWith('twice:') || one.startsWith('copies that'))).toBe(true);
    }, 240_000);
  });
});
