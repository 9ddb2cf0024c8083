import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import { commitOf, entryOf, frameHeaders, hashLeaf, originOf, sortHeaders } from '../../ledger/leaf.ts';
import { signNote, verifierKeyOf } from '../../ledger/note.ts';
import { headLeaf } from '../../ledger/verify-evidence.ts';
import type { FrameworkId, ReportModel, TestId, TestItem, TestResult } from '../../model/control.ts';
import type { PackLedger, PackRecord } from '../../reports/pack/ledger-files.ts';
import { DEFAULT_SAMPLING } from '../../reports/pack/pack-model.ts';
import type { PackModel, Population, PopulationRow, SamplingPlan } from '../../reports/pack/pack-model.ts';
import { makeDispositions } from './disposition-fixture.ts';
import { withGaps } from './gap-fixture.ts';
import { createMemoryTree } from './memory-tree.ts';
import { makeReportModel } from './report-model.ts';
import { makeSigner } from './report-signer.ts';

/** A pack model made by hand: the report model of the other tests, with the populations and a signed log behind it. */

/** A key for tests alone; always the same, so that the bytes of a pack are. */
export const TEST_KEY = createPrivateKey({
  key: Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    createHash('sha256').update('a key for tests').digest(),
  ]),
  format: 'der',
  type: 'pkcs8',
});
export const OTHER_KEY = createPrivateKey({
  key: Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    createHash('sha256').update('the key of somebody else').digest(),
  ]),
  format: 'der',
  type: 'pkcs8',
});
export const LOG = 'custody.northwind';
export const VKEY = verifierKeyOf(LOG, createPublicKey(TEST_KEY));

/** Rows for a test of the hand-made model: its items, and as many passes as it counts; in the order of their keys. */
function rowsOf(test: TestResult): readonly PopulationRow[] {
  const passes = Array.from({ length: test.passed }, (_, i): PopulationRow => {
    const id = `token:jti:https://issuer.northwind.example/pass-${test.test}-${String(i).padStart(6, '0')}`;
    const stratum = i % 10 === 0 ? 'staging' : 'production';
    return {
      key: id,
      item: id,
      aliases: [],
      verdict: 'pass',
      at: '2026-05-01T00:00:00.000000Z',
      evidence: [`event:ce/${test.test}-${i}`],
      stratum,
    };
  });
  const open = test.items.map((item: TestItem, i): PopulationRow => ({ key: `${item.item}#${i}`, ...item }));
  return [...passes, ...open].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** The model. Numbers of the hand-made results are made to fit what they list, and digests to fit the rows. */
export function makePackModel(
  options: {
    framework?: FrameworkId;
    extra?: number;
    passes?: number;
    tests?: readonly TestId[];
    sampling?: Partial<SamplingPlan>;
    report?: Partial<ReportModel>;
  } = {},
): PackModel {
  const base = withGaps(makeReportModel(options.framework, options.extra ?? 0));
  const populations = new Map<TestId, Population>();
  const chosen = base.tests.filter((test) => options.tests?.includes(test.test) ?? true);
  const tests = chosen.map((test): TestResult => {
    const count = (verdict: string): number => test.items.filter((item) => item.verdict === verdict).length;
    const passed = Math.min(test.passed, options.passes ?? 1_300);
    const excluded = count('excluded') === 0 ? {} : { break_glass: count('excluded') };
    const fitted = { ...test, passed, exceptions: count('exception'), undetermined: count('undetermined'), excluded };
    const rows = rowsOf(fitted);
    populations.set(test.test, { count: rows.length, rows: () => rows });
    const sha256 = createHash('sha256')
      .update(rows.map((row) => `${row.key}\n`).join(''))
      .digest('hex');
    return { ...fitted, population: { ...test.population, count: rows.length, sha256 } };
  });
  return {
    report: { ...base, tests, dispositions: makeDispositions({ ...base, tests }), ...options.report },
    origin: { version: '0.1.0', operator: 'auditor@northwind.example' },
    populations,
    sampling: { ...DEFAULT_SAMPLING, ...options.sampling },
    ledger: makeLedger(populations),
    signer: makeSigner(0),
  };
}

/** A log of two partitions that holds a record for each event that the populations name. */
export function makeLedger(populations: ReadonlyMap<TestId, Population>, key = TEST_KEY): PackLedger {
  const events = [...populations.values()].flatMap((one) =>
    [...(one.rows() as Iterable<PopulationRow>)].flatMap((row) => row.evidence),
  );
  const unique = [...new Set(events)].toSorted();
  const trees = [createMemoryTree(), createMemoryTree()] as const;
  const records = new Map<string, PackRecord>();
  for (const [i, event] of unique.entries()) {
    const partition = i % 2;
    const tree = trees[partition as 0 | 1];
    const place = { tenant: 'northwind', topic: 'ce', partition, offset: tree.size() * 2 + 3, sourceEpoch: 1 };
    const salt = createHash('sha256').update(event).digest().subarray(0, 16);
    const headers = { source: 'ce', 'content-type': 'application/json' };
    const value = Buffer.from(JSON.stringify({ id: event, text: 'höher' }));
    const commit = commitOf(salt, { key: Buffer.from('k'), value, headers: frameHeaders(sortHeaders(headers)) });
    const timestamp = 1_777_000_000_000 + i;
    const record: PackRecord = {
      origin: originOf(place), index: tree.size(), source_epoch: 1, topic: 'ce', partition, offset: place.offset, timestamp_ms: timestamp,
      type: 'record', salt: salt.toString('hex'), key: Buffer.from('k').toString('base64'), value: value.toString('base64'), headers, events: [event],
    }; // prettier-ignore
    tree.append(hashLeaf(entryOf(place, 'record', timestamp, commit.toString('hex'))));
    records.set(event, record);
  }
  const top = createMemoryTree();
  const heads = trees.map((tree, partition) => ({
    origin: `${LOG}/ce/${partition}`,
    size: tree.size(),
    root: tree.root(),
  }));
  top.append(
    headLeaf({ origin: `${LOG}/ce/0`, size: 1, root: createHash('sha256').update('an earlier head').digest() }),
  );
  const early = { size: top.size(), root: top.root().toString('hex') };
  for (const head of heads) top.append(headLeaf(head));
  const hex = (path: readonly Buffer[]): string[] => path.map((one) => one.toString('hex'));
  return {
    keys: { origin: LOG, keys: [], verifiers: [verifierKeyOf(LOG, createPublicKey(key))] },
    checkpoint: signNote(formatCheckpoint({ origin: LOG, size: top.size(), root: top.root() }), LOG, key),
    heads: heads.map((head, i) => ({
      ...head,
      root: head.root.toString('hex'),
      index: i + 1,
      path: hex(top.inclusion(top.size(), i + 1)),
    })),
    consistency: [
      {
        origin: LOG,
        first: early,
        second: { size: top.size(), root: top.root().toString('hex') },
        path: hex(top.consistency(early.size, top.size())),
      },
    ],
    async *records(names) {
      await Promise.resolve();
      for (const name of names) {
        const record = records.get(name);
        const tree = trees[(record?.partition ?? 0) as 0 | 1];
        if (!record) continue;
        const { origin, index } = record;
        const commit = commitOf(Buffer.from(record.salt, 'hex'), {
          key: Buffer.from('k'),
          value: Buffer.from(record.value, 'base64'),
          headers: frameHeaders(sortHeaders(record.headers)),
        });
        const place = {
          tenant: 'northwind',
          topic: 'ce',
          partition: record.partition,
          offset: record.offset,
          sourceEpoch: 1,
        };
        const leaf = hashLeaf(entryOf(place, 'record', record.timestamp_ms, commit.toString('hex'))).toString('hex');
        yield {
          record,
          proof: {
            origin,
            index,
            leaf,
            size: tree.size(),
            root: tree.root().toString('hex'),
            path: hex(tree.inclusion(tree.size(), index)),
          },
        };
      }
    },
    sign: (text) => signNote(text, LOG, key),
  };
}

/** The checkpoint that an auditor kept from before, as the fixture's log had it. */
export function heldCheckpoint(ledger: PackLedger, key = TEST_KEY): string {
  const first = ledger.consistency[0]?.first ?? { size: 0, root: '' };
  return signNote(formatCheckpoint({ origin: LOG, size: first.size, root: Buffer.from(first.root, 'hex') }), LOG, key);
}
