import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { isKnownKeycloakType } from '../../ingest/sources/keycloak-action.ts';
import { isKnownSetType } from '../../ingest/sources/ssf-set.ts';
import { isKnownTeleportType } from '../../ingest/sources/teleport-action.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Source } from '../../model/source.ts';
import { SHARED, inputOf, readLines } from '../support/adapter-input.ts';
import { agreementOf, compareOpinion, describeAgreement, publishedOpinions } from '../support/compare-opinions.ts';
import type { Compared, Verdict } from '../support/compare-opinions.ts';
import { CORPUS_FILES, REAL_SERVER_FILES, hostOf } from '../support/corpus-files.ts';
import { explanationOf } from '../support/explained-opinions.ts';
import { FIELDS } from '../support/second-opinion.ts';

/**
 * What the adapters make of logs that nobody of the project wrote (`npm run corpus`): per source the events, the types
 * that mean something to us, those that do not and are kept with their keys, fields that were not understood, records that
 * were refused, and how far the publishers' own reading agrees where there is one: as it is written, and once what they say
 * in their own vocabulary is put into ours; each difference with its reason. It prints; tests judge.
 */
interface Tally {
  records: number;
  events: number;
  readonly known: Set<string>;
  readonly unknown: Map<string, { events: number; keys: number }>;
  readonly unread: Map<string, number>;
  readonly refused: Map<string, number>;
}

interface Judged {
  readonly one: Compared;
  readonly verdict: Verdict;
}

if (!existsSync(join(SHARED, 'corpus'))) process.stdout.write('There is no ../shared/corpus to report on.\n');
else report();

function report(): void {
  const judged = [...publishedOpinions()].map((one) => ({ one, verdict: compareOpinion(one) }));
  for (const [source, tally] of readAll()) {
    const own = judged.filter(({ one }) => one.source === source);
    process.stdout.write(`${[...describeTally(source, tally), ...describeFields(own)].join('\n')}\n`);
  }
  const fields = describeFields(judged);
  process.stdout.write(['all sources, against the publishers of the corpus:', ...fields, ...reasonsOf(judged)].join('\n') + '\n'); // prettier-ignore
}

function readAll(): ReadonlyMap<Source, Tally> {
  const tallies = new Map<Source, Tally>();
  for (const { source, file, instance } of [...CORPUS_FILES, ...REAL_SERVER_FILES]) {
    const tally = tallies.get(source) ?? openTally();
    tallies.set(source, tally);
    for (const json of readLines(join(SHARED, 'corpus', file)) ?? [])
      addRecord(tally, source, json, instance ?? hostOf(json));
  }
  return tallies;
}

function openTally(): Tally {
  return { records: 0, events: 0, known: new Set(), unknown: new Map(), unread: new Map(), refused: new Map() };
}

function addRecord(tally: Tally, source: Source, json: unknown, instance: string): void {
  tally.records += 1;
  const parsed = adapterFor(source)?.parse(inputOf(json, { instance }));
  if (!parsed?.ok) {
    count(tally.refused, `${parsed?.reason ?? 'no adapter'} ${parsed?.detail ?? ''}`);
    return;
  }
  for (const event of parsed.events) {
    tally.events += 1;
    for (const field of event.unread) count(tally.unread, field.replaceAll(/\[\d+\]/g, '[]'));
    if (isKnown(event)) tally.known.add(event.type);
    else {
      const held = tally.unknown.get(event.type) ?? { events: 0, keys: 0 };
      tally.unknown.set(event.type, { events: held.events + 1, keys: held.keys + event.keys.length });
    }
  }
}

// A type is known if it means an action of ours, or is one that is known to be no part of a flow.
function isKnown(event: AuditEvent): boolean {
  if (event.action !== 'other') return true;
  if (event.source === 'keycloak.event') return isKnownKeycloakType(event.type);
  if (event.source === 'teleport.event') return isKnownTeleportType(event.type);
  if (event.source === 'ssf.set') return isKnownSetType(event.type);
  if (event.type === 'aws:AwsCloudTrailInsight') return true;
  // An entry before the last of its request means nothing by itself.
  if (event.source === 'kubernetes.audit') return event.type.endsWith('(RequestReceived)');
  // Hooks and hoop have closed lists: what they accept, they know.
  return event.source === 'gitlab.webhook' || event.source === 'hoop.event' || event.type.startsWith('risk.');
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function describeTally(source: Source, tally: Tally): readonly string[] {
  const lines = [
    `${source}: ${tally.records} records, ${tally.events} events, ${tally.known.size} types known, ${tally.unknown.size} unknown and kept`,
  ];
  for (const [type, { events, keys }] of [...tally.unknown]
    .toSorted(([, a], [, b]) => b.events - a.events)
    .slice(0, 20))
    lines.push(`  unknown type ${type}: ${events} events, ${keys} keys`);
  for (const [field, times] of tally.unread) lines.push(`  not understood ${field}: ${times}`);
  for (const [reason, times] of tally.refused) lines.push(`  refused ${reason}: ${times}`);
  return lines;
}

function describeFields(judged: readonly Judged[]): readonly string[] {
  return FIELDS.flatMap((field) => {
    const verdicts = judged.filter(({ one }) => one.field === field).map(({ verdict }) => verdict);
    return verdicts.length === 0 ? [] : [`  ${field} agrees ${describeAgreement(agreementOf(verdicts))}`];
  });
}

function reasonsOf(judged: readonly Judged[]): readonly string[] {
  return judged
    .filter(({ verdict }) => verdict !== 'same')
    .map(({ one: { file, line, field }, verdict }) => `  ${file}:${line + 1} ${field}, ${verdict}: ${explanationOf(file, field, line)?.because ?? '?'}`); // prettier-ignore
}
