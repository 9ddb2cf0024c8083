import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { isKnownKeycloakType } from '../../ingest/sources/keycloak-action.ts';
import { isKnownSetType } from '../../ingest/sources/ssf-set.ts';
import { isKnownTeleportType } from '../../ingest/sources/teleport-action.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Source } from '../../model/source.ts';
import { SHARED, inputOf, readLines } from '../support/adapter-input.ts';
import { CORPUS_FILES, REAL_SERVER_FILES, hostOf } from '../support/corpus-files.ts';
import { explanationOf } from '../support/explained-opinions.ts';
import { FIELDS, agrees, readOpinion } from '../support/second-opinion.ts';
import type { Field } from '../support/second-opinion.ts';

/**
 * What the adapters make of logs that nobody of the project wrote (`npm run corpus`): per source the events, the types
 * that mean something to us, those that do not and are kept with their keys, fields that were not understood, records that
 * were refused, and how far the publishers' own reading agrees where there is one. It prints; tests judge.
 */
interface Tally {
  records: number;
  events: number;
  readonly known: Set<string>;
  readonly unknown: Map<string, { events: number; keys: number }>;
  readonly unread: Map<string, number>;
  readonly refused: Map<string, number>;
  readonly agreement: Map<Field, { same: number; explained: number; told: number }>;
}

if (!existsSync(join(SHARED, 'corpus'))) process.stdout.write('There is no ../shared/corpus to report on.\n');
else for (const [source, tally] of readAll()) process.stdout.write(`${describeTally(source, tally)}\n`);

function readAll(): ReadonlyMap<Source, Tally> {
  const tallies = new Map<Source, Tally>();
  for (const { source, file, instance } of [...CORPUS_FILES, ...REAL_SERVER_FILES]) {
    const tally = tallies.get(source) ?? openTally();
    tallies.set(source, tally);
    const opinions = file.endsWith('.gz')
      ? undefined
      : readLines(join(SHARED, 'corpus', file.replace('.ndjson', '.expected.ndjson')));
    for (const [index, json] of (readLines(join(SHARED, 'corpus', file)) ?? []).entries())
      addRecord(tally, source, json, instance ?? hostOf(json), { file, line: index, expected: opinions?.[index] });
  }
  return tallies;
}

function openTally(): Tally {
  const agreement = new Map(FIELDS.map((field) => [field, { same: 0, explained: 0, told: 0 }]));
  return {
    records: 0,
    events: 0,
    known: new Set(),
    unknown: new Map(),
    unread: new Map(),
    refused: new Map(),
    agreement,
  };
}

interface Told {
  readonly file: string;
  readonly line: number;
  readonly expected: unknown;
}

function addRecord(tally: Tally, source: Source, json: unknown, instance: string, told: Told): void {
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
    if (told.expected !== undefined && told.expected !== null) addOpinion(tally, json, event, told);
  }
}

function addOpinion(tally: Tally, record: unknown, event: AuditEvent, { file, line, expected }: Told): void {
  const opinion = readOpinion(expected);
  for (const field of FIELDS) {
    const same = agrees(event, opinion, field);
    const held = tally.agreement.get(field);
    if (same === undefined || !held) continue;
    held.told += 1;
    if (same) held.same += 1;
    else if (explanationOf(file.replace('.ndjson', ''), field, line)?.shows({ record, opinion, event }) === true)
      held.explained += 1;
  }
}

// A type is known if it means an action of ours, or is one that is known to be no part of a flow.
function isKnown(event: AuditEvent): boolean {
  if (event.action !== 'other') return true;
  if (event.source === 'keycloak.event') return isKnownKeycloakType(event.type);
  if (event.source === 'teleport.event') return isKnownTeleportType(event.type);
  if (event.source === 'ssf.set') return isKnownSetType(event.type);
  // An entry before the last of its request means nothing by itself.
  if (event.source === 'kubernetes.audit') return event.type.endsWith('(RequestReceived)');
  // Hooks and hoop have closed lists: what they accept, they know.
  return event.source === 'gitlab.webhook' || event.source === 'hoop.event' || event.type.startsWith('risk.');
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function describeTally(source: Source, tally: Tally): string {
  const lines = [
    `${source}: ${tally.records} records, ${tally.events} events, ${tally.known.size} types known, ${tally.unknown.size} unknown and kept`,
  ];
  for (const [type, { events, keys }] of [...tally.unknown]
    .toSorted(([, a], [, b]) => b.events - a.events)
    .slice(0, 20))
    lines.push(`  unknown type ${type}: ${events} events, ${keys} keys`);
  for (const [field, times] of tally.unread) lines.push(`  not understood ${field}: ${times}`);
  for (const [reason, times] of tally.refused) lines.push(`  refused ${reason}: ${times}`);
  const told = [...tally.agreement]
    .filter(([, one]) => one.told > 0)
    .map(([field, { same, explained, told: all }]) => `${field} ${same}/${all}${explained > 0 ? ` (${same + explained}/${all} with what is explained)` : ''}`); // prettier-ignore
  if (told.length > 0) lines.push(`  agrees with the publishers: ${told.join(', ')}`);
  return lines.join('\n');
}
