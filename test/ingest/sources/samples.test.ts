import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ParseResult } from '../../../ingest/sources/adapter.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { contentHashOf } from '../../../model/event-id.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { policySchema } from '../../../model/policy.ts';
import type { Source } from '../../../model/source.ts';
import { formatMicros } from '../../../model/time.ts';
import { ROOT, inputOf } from '../../support/adapter-input.ts';

/** Each file of test/samples/<source>/ is a record, made up by hand, and what must be read from it. */
interface Sample {
  readonly about: string;
  readonly instance?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly issuer?: string;
  /** What the policy file says of the installation. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly record: unknown;
  readonly expected: unknown;
}

const FOLDERS: readonly Source[] = [
  'gitlab.webhook',
  'gitlab.audit-stream',
  'gitlab.audit-rest',
  'okta.log',
  'hoop.event',
  'issuer.cloudevents',
  'aws.cloudtrail',
  'kubernetes.audit',
  'vault.audit',
  'entra.log',
  'keycloak.event',
  'teleport.event',
  'ssf.set',
  'github.audit',
  'gitlab.users',
];

describe.each(FOLDERS)('samples of %s', (source) => {
  const folder = join(ROOT, 'test/samples', source.replace('.', '-'));
  test.each(readdirSync(folder).toSorted())('%s', (file) => {
    const sample = readSample(join(folder, file));
    expect(shown(parse(source, sample))).toEqual(sample.expected);
  });
});

describe('one event in two shapes', () => {
  test('the streamed and the fetched approval have one name and one content', () => {
    const stream = eventOf('gitlab.audit-stream', 'deployment-approved');
    const rest = eventOf('gitlab.audit-rest', 'deployment-approved');
    expect(rest.dedupeKey).toBe(stream.dedupeKey);
    expect(contentHashOf(rest)).toBe(contentHashOf(stream));
  });

  test.each([
    ['author', (record: Record<string, unknown>) => ({ ...record, author_id: 1 })],
    ['time', (record: Record<string, unknown>) => ({ ...record, created_at: '2026-08-20T09:14:03.318Z' })],
    [
      'message',
      (record: Record<string, unknown>) => ({
        ...record,
        details: { ...(record['details'] as object), custom_message: 'Approved deployment with IID: 12 and ID: 9' },
      }),
    ],
  ])('another %s is a conflict', (_name, change) => {
    const sample = readSample(join(ROOT, 'test/samples/gitlab-audit-rest/deployment-approved.json'));
    const changed = parse('gitlab.audit-rest', { ...sample, record: change(sample.record as Record<string, unknown>) });
    const event = changed.ok ? changed.events[0] : undefined;
    const stream = eventOf('gitlab.audit-stream', 'deployment-approved');
    expect(event?.dedupeKey).toBe(stream.dedupeKey);
    expect(event && contentHashOf(event)).not.toBe(contentHashOf(stream));
  });

  test('an event that is only streamed is known by what it says, not by its random id', () => {
    const sample = readSample(join(ROOT, 'test/samples/gitlab-audit-stream/job-token.json'));
    const again = parse('gitlab.audit-stream', {
      ...sample,
      record: { ...(sample.record as object), id: '11111111-0000-4000-8000-000000000000' },
    });
    expect(again.ok && again.events[0]?.dedupeKey).toBe(eventOf('gitlab.audit-stream', 'job-token').dedupeKey);
  });
});

function eventOf(source: Source, name: string): AuditEvent {
  const parsed = parse(source, readSample(join(ROOT, 'test/samples', source.replace('.', '-'), `${name}.json`)));
  const event = parsed.ok ? parsed.events[0] : undefined;
  if (!event) throw new Error(`${name} was refused`);
  return event;
}

function parse(source: Source, sample: Sample): ParseResult {
  const adapter = adapterFor(source);
  if (!adapter) throw new Error(`no adapter for ${source}`);
  const { instance, headers, issuer, record } = sample;
  const said = { ...(issuer !== undefined && { jwt_issuer: issuer }), ...sample.settings };
  const settings =
    Object.keys(said).length === 0
      ? undefined
      : policySchema.parse({ sources: [{ family: adapter.family, instance, ...said }] }).sources[0];
  return adapter.parse(
    inputOf(record, {
      ...(instance !== undefined && { instance }),
      ...(headers && { headers }),
      ...(settings && { settings }),
    }),
  );
}

function readSample(path: string): Sample {
  return JSON.parse(readFileSync(path, 'utf8')) as Sample;
}

// An event as it is written in a sample: keys and edges a line each, so that a reviewer can read them.
function shown(parsed: ParseResult): unknown {
  if (!parsed.ok) return { refused: parsed.reason, detail: parsed.detail };
  const events = parsed.events.map((event) => {
    const { keys, edges, occurred, dedupeKey, unread, facts, ...rest } = event;
    return {
      ...rest,
      content: undefined,
      // What finds the other form of the event: test/ingest/worker/tellings.test.ts.
      twin: undefined,
      family: undefined,
      source: undefined,
      occurred: `${formatMicros(occurred.at)} ${occurred.precision}`,
      ...(dedupeKey === event.nativeId ? {} : { dedupeKey }),
      keys: keys.map((key) => `${key.role} ${key.key} ${key.class} ${key.confidence} (${key.field})`),
      edges: edges.map(
        (edge) => `${edge.parent.key} -${edge.relation}-> ${edge.child.key} ${edge.confidence} ${edge.rule}`,
      ),
      facts,
      unread,
    };
  });
  return JSON.parse(JSON.stringify(events.length === 1 ? events[0] : events));
}
