import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import type { Source } from '../../../model/source.ts';
import { contentHashOf } from '../../../model/event-id.ts';
import { parseStamp } from '../../../model/time.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';

/**
 * The adapters of GitLab, Okta and hoop against the scenarios, without the rest of the product: what a delivery holds is
 * cut here in the simplest way, each value is parsed, and the events are counted by their dedupe key.
 */

interface Delivery {
  readonly delivery_id: string;
  readonly received_at: string;
  readonly source: string;
  readonly transport: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Truth {
  readonly malformed: readonly {
    readonly delivery_id: string;
    readonly expected: string;
    readonly reason: string;
    readonly kind: string;
    readonly native_id?: string;
  }[];
  readonly event_counts: Readonly<Record<string, number>>;
  readonly distinct_event_counts: Readonly<Record<string, number>>;
}

const SCENARIOS = ['acme-small', 'acme-edges', 'acme-quarter'];
const FAMILIES = ['gitlab.audit', 'gitlab.hook', 'okta.log', 'hoop'];

describe.each(SCENARIOS)('scenario %s', (name) => {
  const folder = join(SHARED, 'scenarios', name);
  const isThere = existsSync(join(folder, 'truth.json'));

  test.skipIf(!isThere)('counts, conflicts and reasons are those of the truth (needs ../shared/scenarios)', () => {
    const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
    const scopes = scopesOf(join(folder, 'facts.json'));
    const malformed = new Map(truth.malformed.map((one) => [one.delivery_id, one]));
    const seen = new Map<string, Map<string, string>>(FAMILIES.map((family) => [family, new Map()]));
    const counts = new Map<string, number>(FAMILIES.map((family) => [family, 0]));
    const conflicts: string[] = [];
    const unread: string[] = [];
    const wrongReasons: string[] = [];
    for (const delivery of (readLines(join(folder, 'deliveries.ndjson.gz')) ?? []) as readonly Delivery[]) {
      const source = sourceOf(delivery);
      const fault = malformed.get(delivery.delivery_id);
      if (!source || fault?.expected === 'rejected') continue;
      for (const json of cut(delivery)) {
        const parsed = parse(source, json, delivery, scopes);
        if (!parsed.ok) {
          if (fault?.reason !== parsed.reason)
            wrongReasons.push(`${delivery.delivery_id} ${parsed.reason} ${parsed.detail}`);
          continue;
        }
        for (const event of parsed.events) {
          if (fault?.reason === 'future_timestamp') {
            expect(event.occurred.at).toBeGreaterThan(timeOf(delivery) + 600_000_000);
            continue;
          }
          unread.push(...event.unread);
          const family = seen.get(event.family);
          const held = family?.get(event.dedupeKey);
          const hash = contentHashOf(event);
          if (held !== undefined && held !== hash) {
            conflicts.push(`event:${event.family}/${event.nativeId}`);
            continue;
          }
          family?.set(event.dedupeKey, hash);
          counts.set(event.family, (counts.get(event.family) ?? 0) + 1);
        }
      }
    }
    expect(wrongReasons).toEqual([]);
    expect(unread).toEqual([]);
    const named = truth.malformed.filter(
      (one) =>
        one.kind === 'duplicate_id_other_content' &&
        FAMILIES.some((family) => one.native_id?.startsWith(`event:${family}/`)),
    );
    expect(conflicts.toSorted()).toEqual(named.map((one) => one.native_id ?? '').toSorted());
    expect(Object.fromEntries(counts)).toEqual(
      Object.fromEntries(FAMILIES.map((family) => [family, truth.event_counts[family]])),
    );
    const distinct = [...seen].map(([family, keys]) => [family, keys.size]);
    expect(Object.fromEntries(distinct)).toEqual(
      Object.fromEntries(FAMILIES.map((family) => [family, truth.distinct_event_counts[family]])),
    );
  });
});

function sourceOf(delivery: Delivery): Source | undefined {
  if (delivery.source === 'gitlab-webhook') return 'gitlab.webhook';
  if (delivery.source === 'gitlab-audit')
    return delivery.transport === 'rest' ? 'gitlab.audit-rest' : 'gitlab.audit-stream';
  if (delivery.source === 'okta') return 'okta.log';
  return delivery.source === 'hoop' ? 'hoop.event' : undefined;
}

function cut(delivery: Delivery): readonly unknown[] {
  const body: unknown = JSON.parse(delivery.body);
  if (Array.isArray(body)) return body;
  const { data } = body as { data?: unknown };
  if (Array.isArray(data)) return data;
  const events = (data as { events?: unknown } | undefined)?.events;
  return Array.isArray(events) ? events : [body];
}

function parse(source: Source, json: unknown, delivery: Delivery, scopes: ReadonlyMap<string, string>) {
  const adapter = adapterFor(source);
  if (!adapter) throw new Error(`no adapter for ${source}`);
  const instance = scopes.get(adapter.family) ?? '';
  return adapter.parse(inputOf(json, { instance, headers: delivery.headers, receivedAt: timeOf(delivery) }));
}

function timeOf(delivery: Delivery): number {
  return parseStamp(delivery.received_at)?.at ?? 0;
}

function scopesOf(path: string): ReadonlyMap<string, string> {
  const facts = JSON.parse(readFileSync(path, 'utf8')) as { sources: readonly { family: string; scope: string }[] };
  return new Map(facts.sources.map((source) => [source.family, source.scope]));
}
