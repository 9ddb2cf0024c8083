import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { breachesOf } from '../../../model/token-contract.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { contentHashOf } from '../../../model/event-id.ts';
import { parsePolicy, sourceOf } from '../../../model/policy.ts';
import type { Policy } from '../../../model/policy.ts';
import type { Source } from '../../../model/source.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';

/**
 * The adapters of issuers and targets against the scenarios, without the rest of the product: what a delivery holds is
 * cut here in the simplest way, each value is parsed, and the events are counted by their dedupe key.
 */

interface Delivery {
  readonly delivery_id: string;
  readonly source: string;
  readonly path_hint: string;
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

interface ScenarioFacts {
  readonly environments: {
    readonly kubernetes_clusters: Readonly<Record<string, { readonly jwt_issuer: string }>>;
    readonly gitlab_claim_prefix: string;
  };
  readonly sources: readonly { readonly family: string; readonly scope: string }[];
}

const SCENARIOS = ['acme-small', 'acme-edges', 'acme-quarter'];
const FAMILIES = ['ce', 'aws.cloudtrail', 'k8s.audit', 'vault.audit'];
const SOURCES: Readonly<Record<string, Source>> = {
  issuer: 'issuer.cloudevents',
  cloudtrail: 'aws.cloudtrail',
  kubernetes: 'kubernetes.audit',
  vault: 'vault.audit',
};

describe.each(SCENARIOS)('scenario %s', (name) => {
  const folder = join(SHARED, 'scenarios', name);
  const isThere = existsSync(join(folder, 'truth.json'));

  test.skipIf(!isThere)('counts, conflicts and reasons are those of the truth (needs ../shared/scenarios)', () => {
    const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
    const policy = policyOf(JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8')) as ScenarioFacts);
    const malformed = new Map(truth.malformed.map((one) => [one.delivery_id, one]));
    const seen = new Map<string, Map<string, string>>(FAMILIES.map((family) => [family, new Map()]));
    const counts = new Map<string, number>(FAMILIES.map((family) => [family, 0]));
    const conflicts: string[] = [];
    const wrong: string[] = [];
    for (const delivery of (readLines(join(folder, 'deliveries.ndjson.gz')) ?? []) as readonly Delivery[]) {
      const source = SOURCES[delivery.source];
      const fault = malformed.get(delivery.delivery_id);
      if (!source || fault?.expected === 'rejected') continue;
      for (const json of cut(delivery)) {
        const adapter = adapterFor(source);
        const instance = /^(?:kubernetes|vault)\/(.+)$/.exec(delivery.path_hint)?.[1] ?? '';
        const settings = adapter && sourceOf(policy, adapter.family, instance);
        const parsed = adapter?.parse(inputOf(json, { instance, ...(settings && { settings }) }));
        if (!parsed?.ok) {
          if (fault?.reason !== parsed?.reason)
            wrong.push(`${delivery.delivery_id} ${parsed?.reason} ${parsed?.detail}`);
          continue;
        }
        // A clock that is ahead is judged by the worker, which knows when the record came.
        if (fault?.reason === 'future_timestamp') continue;
        for (const event of parsed.events) {
          if (event.unread.length > 0) wrong.push(`${event.nativeId} ${event.unread.join(' ')}`);
          const family = seen.get(event.family);
          const held = family?.get(`${event.instance} ${event.dedupeKey}`);
          const hash = contentHashOf(event);
          if (held !== undefined && held !== hash) {
            conflicts.push(`event:${event.family}/${event.nativeId}`);
            continue;
          }
          family?.set(`${event.instance} ${event.dedupeKey}`, hash);
          counts.set(event.family, (counts.get(event.family) ?? 0) + 1);
        }
      }
    }
    expect(wrong).toEqual([]);
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

  test.skipIf(!isThere)(
    'what an issuer sends keeps the contract and is read without rest (needs ../shared/scenarios)',
    () => {
      const file = ['issuer.ndjson', 'issuer.ndjson.gz'].map((one) => join(folder, 'by-source', one)).find(existsSync);
      const lines = file === undefined ? [] : (readLines(file) ?? []);
      expect(lines.length).toBeGreaterThan(0);
      for (const json of lines) {
        expect(breachesOf(json)).toEqual([]);
        const parsed = adapterFor('issuer.cloudevents')?.parse(inputOf(json));
        expect(parsed?.ok && parsed.events[0]?.action !== 'other').toBe(true);
      }
    },
  );
});

function cut(delivery: Delivery): readonly unknown[] {
  if (delivery.source === 'vault') return delivery.body.split('\n').filter(Boolean).flatMap(parsedLine);
  const body: unknown = JSON.parse(delivery.body);
  if (Array.isArray(body)) return body;
  const { items, Records: records } = body as { items?: unknown; Records?: unknown };
  if (Array.isArray(items)) return items;
  return Array.isArray(records) ? records : [body];
}

// The door withholds a line that is no JSON.
function parsedLine(line: string): readonly unknown[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

function policyOf(facts: ScenarioFacts): Policy {
  const clusters = facts.environments.kubernetes_clusters;
  const sources = facts.sources.map(({ family, scope }) => {
    const cluster = family === 'k8s.audit' ? clusters[scope] : undefined;
    const claims = cluster && { jwt_issuer: cluster.jwt_issuer, claim_prefix: facts.environments.gitlab_claim_prefix };
    return { family, instance: scope, ...claims };
  });
  return parsePolicy(JSON.stringify({ sources }));
}
