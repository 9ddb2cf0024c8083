import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import type { LogKeys } from '../../ledger/evidence.ts';
import { verifierKeyOf } from '../../ledger/note.ts';
import type { CheckResult, TestItem } from '../../model/control.ts';
import { policySchema } from '../../model/policy.ts';
import type { Policy } from '../../model/policy.ts';
import { parseStamp } from '../../model/time.ts';
import { readLedgerEvidence } from '../../query/controls/ledger-evidence.ts';
import { runCheck } from '../../query/controls/run-check.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { trailRecord } from '../support/intake-samples.ts';
import { tempFolder } from '../support/temp-folder.ts';

// Records of one day's events that came on two days, each day under a checkpoint of its own that was really signed.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
const ACCOUNT = trailRecord.recipientAccountId;
const at = (text: string): number => parseStamp(text)?.at ?? 0;
const [FIRST, SECOND] = ['2026-06-02', '2026-06-03'] as const;
const PERIOD = { from: at('2026-06-01T00:00:00Z'), to: at('2026-06-02T00:00:00Z'), asOf: at('2026-06-04T00:00:00Z') };
const document = { tenant: 'acme', sources: [{ family: 'aws.cloudtrail', instance: ACCOUNT }] };

let folder: Awaited<ReturnType<typeof tempFolder>>;
let custody: Custody | undefined;
let store: Store | undefined;
let keys: LogKeys;
let early = '';
let throughApi: CheckResult;

async function ask(url: string, payload?: string): Promise<string> {
  const headers = { host: 'localhost', authorization: `Bearer ${custody?.token}`, 'content-type': 'application/octet-stream' }; // prettier-ignore
  const answer = await custody?.app.inject({ method: payload === undefined ? 'GET' : 'POST', url, headers, ...(payload === undefined ? {} : { payload }) }); // prettier-ignore
  expect(answer?.statusCode, answer?.payload).toBe(200);
  return answer?.payload ?? '';
}

async function bring(day: string, ids: readonly string[]): Promise<void> {
  const lines = ids.map((eventID) => `${JSON.stringify({ ...trailRecord, eventID })}\n`).join('');
  expect(await ask(`/v1/imports?source=aws.cloudtrail&instance=${ACCOUNT}&received_at=${day}T08:00:00Z`, lines)).toContain(`"accepted":${ids.length}`); // prettier-ignore
  await custody?.signed();
}

beforeAll(async () => {
  folder = await tempFolder('custody-ledger-evidence-');
  const data = join(folder.path, 'data');
  custody = await openCustody({ folder: data, policy: policySchema.parse(document), secrets: secretsFrom({}), oidc: undefined, version: '0', logTo: 'nowhere' }); // prettier-ignore
  await bring(FIRST, ['a', 'b', 'c']);
  early = await ask('/v1/log/checkpoint');
  await bring(SECOND, ['d', 'e']);
  keys = JSON.parse(await ask('/v1/log/keys')) as LogKeys;
  throughApi = JSON.parse(await ask('/v1/check?framework=all&from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z&as_of=2026-06-04T00:00:00Z&tests=T-32')) as CheckResult; // prettier-ignore
  await custody.close();
  custody = undefined;
  // From here on nobody signs: what the store holds is what the test made of it.
  store = await openStore({ folder: data });
});
afterAll(async () => {
  await custody?.close();
  await store?.close();
  await folder.remove();
});

const held = (): Store => store ?? expect.unreachable();
const run = (sql: string): Promise<unknown> => held().writer.run(`${sql} SETTINGS mutations_sync = 1`);
const policyWith = (extra: object = {}): Policy => policySchema.parse({ ...document, ...extra });

/** What T-32 says of each day, as "exception not_as_signed", or "pass". */
async function verdicts(policy = policyWith(), trusted = keys): Promise<readonly string[]> {
  const { reader } = held();
  const result = await runCheck(
    { reader, policy, ledger: (period) => readLedgerEvidence({ reader, policy, keys: trusted }, period) },
    { framework: 'all', ...PERIOD, tests: ['T-32'] },
  );
  const items = result.tests[0]?.items ?? [];
  const of = (day: string): TestItem | undefined => items.find(({ item }) => item.endsWith(day));
  expect(result.tests[0]?.population.count).toBe(2);
  return [FIRST, SECOND].map((day) => {
    const item = of(day);
    return item ? `${item.verdict} ${item.attribute}` : 'pass';
  });
}
const keptBy = (note: string): Policy => policyWith({ kept_checkpoints: [{ kept_by: 'auditor', note }] });

describe('T-32 and the signed log', () => {
  test('the server gives the evidence: what is signed is covered, and only the anchor is open', () => {
    const [t32] = throughApi.tests;
    expect(t32?.result).toBe('unable_to_conclude');
    expect(t32?.items.map(({ attribute }) => attribute)).toEqual(['anchor_unknown', 'anchor_unknown']);
    expect(t32?.items[0]?.finding).toMatch(/kept_checkpoints/);
  });

  test('a checkpoint that somebody else keeps lets it conclude for the days that it covers', async () => {
    expect(await verdicts(keptBy(early))).toEqual(['pass', 'undetermined anchor_unknown']);
    const sql = 'SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1';
    const [last] = await held().reader.read({ sql, params: {}, row: z.object({ note: z.string() }) });
    expect(await verdicts(keptBy(last?.note ?? ''))).toEqual(['pass', 'pass']);
  });

  test('keys of somebody else, and a kept note that is none, prove nothing', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const foreign = { ...keys, verifiers: [verifierKeyOf('custody.acme', publicKey)] };
    expect(await verdicts(keptBy(early), foreign)).toEqual(['exception not_as_signed', 'exception not_as_signed']);
    expect(await verdicts(keptBy('custody.acme\n1\nAAAA\n'))).toEqual(['exception not_anchored', 'exception not_anchored']); // prettier-ignore
  });

  test('where no signed head covers a day, nothing is concluded of it; without any checkpoint, of none', async () => {
    await held().writer.run('CREATE TABLE away AS checkpoints');
    await held().writer.run('INSERT INTO away SELECT * FROM checkpoints');
    const size = early.split('\n')[1] ?? '';
    await run(`ALTER TABLE checkpoints DELETE WHERE size > ${size}`);
    expect(await verdicts(keptBy(early))).toEqual(['pass', 'undetermined no_checkpoint']);
    await run('ALTER TABLE checkpoints DELETE WHERE 1');
    expect(await verdicts(keptBy(early))).toEqual(['undetermined no_checkpoint', 'undetermined no_checkpoint']);
    await held().writer.run('INSERT INTO checkpoints SELECT * FROM away');
    expect(await verdicts(keptBy(early))).toEqual(['pass', 'undetermined anchor_unknown']);
  });

  test('a record that was taken out, and a leaf that was changed, show on their day', async () => {
    await run("ALTER TABLE records DELETE WHERE topic = 'aws.cloudtrail' AND offset = 4");
    expect((await verdicts())[1]).toBe('exception not_as_signed');
    await run(`ALTER TABLE records UPDATE leaf = unhex('${'11'.repeat(32)}') WHERE topic = 'aws.cloudtrail' AND offset = 1`);
    expect((await verdicts())[0]).toBe('exception altered');
    const evidence = await readLedgerEvidence({ reader: held().reader, policy: policyWith(), keys }, PERIOD);
    const day = { family: 'aws.cloudtrail', instance: ACCOUNT, day: FIRST };
    expect(evidence?.covers(day)).toMatchObject({ truth: false });
  }); // prettier-ignore
});
