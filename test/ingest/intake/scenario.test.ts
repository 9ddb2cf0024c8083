import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openCredentials } from '../../../ingest/intake/credentials.ts';
import type { DeliveryOutcome } from '../../../ingest/intake/deliver.ts';
import { secretsFrom } from '../../../ingest/intake/secrets.ts';
import { policyFromFacts } from '../../scenario/policy-from-facts.ts';
import type { ScenarioFacts } from '../../scenario/policy-from-facts.ts';
import { createTestIntake, OPERATOR } from '../../support/intake.ts';

interface Truth {
  readonly malformed: readonly {
    readonly delivery_id: string;
    readonly kind: string;
    readonly expected: string;
    readonly reason: string;
    readonly http_status_accepted: readonly number[];
  }[];
  readonly secrets_must_not_appear: readonly string[];
}

// Real-format material of the workshop beside the project; a fresh clone has none.
const SCENARIOS = ['acme-small', 'acme-edges'].map((name) =>
  join(import.meta.dirname, '../../../../shared/scenarios', name),
);

describe.each(SCENARIOS)('deliveries of %s at the door', (folder) => {
  test.skipIf(!existsSync(folder))(
    'every delivery is answered as the truth says, and no secret is stored (skipped where ../shared is absent)',
    async () => {
      const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
      const { policy, secrets } = policyFromFacts(read('facts.json') as ScenarioFacts);
      const truth = read('truth.json') as Truth;
      const { inject, log } = await createTestIntake({
        policy,
        credentials: openCredentials(policy, secretsFrom(secrets)),
      });
      const payload = readFileSync(join(folder, 'deliveries.ndjson.gz'));
      const answer = await inject({
        method: 'POST',
        url: '/v1/deliveries',
        headers: { authorization: OPERATOR },
        payload,
      });
      const lines = answer.payload
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as DeliveryOutcome & { summary?: { deliveries: number } });
      const outcomes = new Map(
        lines.flatMap((line) => (line.delivery_id === undefined ? [] : [[line.delivery_id, line] as const])),
      );

      const deliveries = gunzipSync(payload).toString('utf8').trim().split('\n').length;
      expect(lines.at(-1)?.summary).toMatchObject({ deliveries });
      expect(outcomes.size).toBe(deliveries);

      const wrong = truth.malformed.filter(
        ({ delivery_id: id, http_status_accepted: statuses }) => !statuses.includes(outcomes.get(id)?.status ?? 0),
      );
      expect(wrong.map((entry) => ({ ...entry, got: outcomes.get(entry.delivery_id) }))).toEqual([]);
      const malformed = new Set(truth.malformed.map(({ delivery_id: id }) => id));
      expect(
        [...outcomes.values()].filter(({ delivery_id: id, status }) => !malformed.has(id ?? '') && status >= 300),
      ).toEqual([]);
      // A fault of the door names the reason that the truth names, where it is one of ours.
      const reasons = truth.malformed.flatMap(({ delivery_id: id, reason, expected }) => {
        const got = outcomes.get(id);
        return expected === 'rejected' && got?.reason !== undefined && got.reason !== reason
          ? [{ id, reason, got: got.reason }]
          : [];
      });
      expect(reasons).toEqual([]);
      const stored = log
        .all()
        .map(({ value, headers }) => `${value.toString('utf8')} ${JSON.stringify(headers)}`)
        .join('\n');
      expect(truth.secrets_must_not_appear.filter((secret) => stored.includes(secret)).length).toBe(0);
    },
    120_000,
  );
});
