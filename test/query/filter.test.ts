import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AuditEvent } from '../../model/event.ts';
import { FILTER_FIELDS, parseFilter } from '../../query/filter.ts';
import type { Condition, Filter } from '../../query/filter.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { compileConditions } from '../../store/queries/find-timeline.ts';
import { stageOf } from '../../model/action.ts';
import { fillStore } from '../support/fill-store.ts';
import { seeded } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { told } from '../support/worked-chains.ts';

describe('parseFilter', () => {
  test.each<[string, Filter]>([
    ['', []],
    ['actor=email:a@b.example', [{ field: 'actor', negated: false, prefix: false, values: ['email:a@b.example'] }]],
    ['action=touch.* outcome!=success', [{ field: 'action', negated: false, prefix: true, values: ['touch.'] }, { field: 'outcome', negated: true, prefix: false, values: ['success'] }]],
    ['resource="a b \\" c" ip=10.*', [{ field: 'resource', negated: false, prefix: false, values: ['a b " c'] }, { field: 'ip', negated: false, prefix: true, values: ['10.'] }]],
  ])('%j', (text, filter) => expect(parseFilter(text)).toEqual(filter)); // prettier-ignore

  test.each(['actor', 'actor=', 'nope=1', '__proto__=1', 'actor=a;b=" unclosed', 'actor=a"b"', `actor=${'x'.repeat(3_000)}`, 'action=a '.repeat(20)])('refuses %j', (text) =>
    expect(() => parseFilter(text)).toThrow(/filter cannot be read/),
  ); // prettier-ignore
});

// Values that would end a string, begin a comment or be taken for a pattern, beside plain ones.
const WORDS = [
  '',
  "'",
  "' OR 1=1 --",
  '%',
  '_',
  '*',
  '\\',
  "\\'",
  '{p:String}',
  '); DROP TABLE events',
  'ä',
  '\u202e',
  'a',
  'ab',
  'abc',
  'success',
  '10.0.0.1',
];
const ACTIONS = ['api.read', 'api.update', 'secret.read', 'token.issue', 'access.approve'] as const;
const random = seeded(20260820);
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

const events: AuditEvent[] = Array.from({ length: 200 }, (_, index) => ({
  ...told({
    id: `e${index}`, family: pick(['ce', 'aws.cloudtrail', 'vault.audit']), at: '2026-08-20T09:00:00Z', action: pick(ACTIONS),
    actor: { kind: 'human', key: pick(WORDS) }, outcome: pick(['success', 'failure', 'denied']), environment: pick(WORDS), resource: pick(WORDS), type: pick(WORDS),
    keys: [['uses', `token:jti:https://x.example/${pick(WORDS) || 'none'}`]],
  }),
  sourceIp: pick(WORDS),
})); // prettier-ignore

function randomFilter(): Filter {
  return Array.from({ length: 1 + Math.floor(random() * 3) }, (): Condition => {
    const field = pick(FILTER_FIELDS);
    const word = field === 'action' ? pick([...ACTIONS, 'touch.', 'credential.token.issue', ...WORDS]) : field === 'key' ? `token:jti:https://x.example/${pick(WORDS)}` : pick([...WORDS, 'ce', 'vault.audit', 'touch']);
    return { field, negated: random() < 0.3, prefix: random() < 0.4, values: random() < 0.8 ? [word] : [word, pick(WORDS)] };
  }); // prettier-ignore
}

/** What a filter means, said without SQL. */
function matches(filter: Filter, event: AuditEvent): boolean {
  return filter.every(({ field, negated, prefix, values }) => {
    const stage = stageOf(event.action);
    const texts: Record<Condition['field'], readonly string[]> = {
      actor: [event.actor.key],
      action: [event.action, `${stage}.${event.action}`],
      stage: [stage],
      outcome: [event.outcome],
      family: [event.family],
      instance: [event.instance],
      type: [event.type],
      resource: [event.resource?.key ?? '', event.resource?.display ?? ''],
      environment: [event.environment ?? ''],
      ip: [event.sourceIp ?? ''],
      key: event.keys.map((key) => key.key),
    };
    const found = texts[field].some((text) =>
      values.some((value) => (prefix ? text.startsWith(value) : text === value)),
    );
    return found !== negated;
  });
}

describe('a compiled filter', () => {
  let store: Store;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    const folder = await tempFolder();
    remove = folder.remove;
    store = await openStore({ folder: folder.path });
    await fillStore(store, events, { tenant: 'shop', folder: folder.path });
  });
  afterAll(async () => {
    await store.close();
    await remove();
  });

  test('finds what the filter means: 10,000 random filters over hostile values', { timeout: 300_000 }, async () => {
    const size = 100;
    for (let batch = 0; batch < 100; batch += 1) {
      const filters = Array.from({ length: size }, randomFilter);
      const compiled = filters.map((filter, index) => compileConditions('shop', filter, `f${index}`));
      const columns = compiled.map(({ sql }, index) => `arraySort(groupArrayIf(native_id, ${sql})) AS r${index}`);
      const [row] = await store.reader.read({
        sql: `SELECT ${columns.join(', ')} FROM events WHERE tenant = {tenant:String}`,
        params: Object.assign({ tenant: 'shop' }, ...compiled.map(({ params }) => params)) as Record<string, string>,
        row: z.record(z.string(), z.array(z.string())),
      });
      for (const [index, filter] of filters.entries()) {
        const expected = events.filter((event) => matches(filter, event)).map((event) => event.nativeId).toSorted(); // prettier-ignore
        expect(row?.[`r${index}`], JSON.stringify(filter)).toEqual(expected);
      }
    }
  });
});
