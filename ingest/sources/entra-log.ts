import type { AuditEvent } from '../../model/event.ts';
import type { Family } from '../../model/source.ts';
import { identifier } from '../../model/key.ts';
import { parseStamp } from '../../model/time.ts';
import type { Stamp } from '../../model/time.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { openDraft } from './draft.ts';
import { readAudit } from './entra-audit.ts';
import { readGraphActivity, readRisk } from './entra-other.ts';
import { entraTenant, graphObject } from './entra-parts.ts';
import type { EntraRecord, EntraTold } from './entra-parts.ts';
import { readSignIn } from './entra-signin.ts';
import { at, fault, getString, isObject, openDoc, refusalOf } from './read.ts';
import type { Doc } from './read.ts';

const FAMILY: Family = 'entra';

// What a changed property must not leave behind (sources.md 1.6): keys, passwords and second factors stand in values.
// `additionalDetails` is free text but for the names by which requests are known and roles are told apart.
const KEPT_DETAILS = [
  'RequestId',
  'RoleDefinitionOriginId',
  'RoleDefinitionOriginType',
  'TemplateId',
  'StartTime',
  'ExpirationTime',
  'DeviceId',
  'Category',
];
const INNER: readonly RedactionRule[] = [
  { path: ['targetResources', '*', 'modifiedProperties', '*', 'oldValue'], rule: 'property_value' },
  { path: ['targetResources', '*', 'modifiedProperties', '*', 'newValue'], rule: 'property_value' },
  { path: ['additionalDetails', '*', 'value'], rule: 'free_text', keep: KEPT_DETAILS },
  { path: ['requestUri'], rule: 'query', part: 'query' },
];

/**
 * Microsoft Entra ID (sources.md 1.6): sign-ins, directory audits and risk detections as Graph gives them, and the
 * records of diagnostic settings (Event Hubs, storage), whose `properties` are the Graph object, with the calls of Graph.
 * Known by kind and id, so both ways tell one event.
 */
export const entraLog: SourceAdapter = {
  source: 'entra.log',
  family: FAMILY,
  containers: [['records'], ['value'], []],
  redact: INNER.flatMap((rule) => [rule, { ...rule, path: ['properties', ...rule.path] }]),
  parse: parseLog,
};

function parseLog(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const envelope = openDoc(input.json);
  const doc = graphObject(envelope);
  const category = getString(envelope, 'category') ?? '';
  const record: EntraRecord = {
    doc,
    envelope,
    input,
    category,
    tenant: entraTenant(envelope, input),
    draft: openDraft(),
  };
  const read = readerOf(doc, category, envelope);
  if (!read) fault(envelope, category === '' ? 'missing_required_fields' : 'unknown_type', ['category']);
  const early = refusalOf(envelope);
  if (early || !read) return early ?? refuse('unknown_type', 'category');
  const { kind, id, ...told } = read(record);
  const refused = refusalOf(envelope);
  if (refused) return refused;
  const name = `${kind}:${id}`;
  // The envelope's time is when the record was written, minutes later.
  const written = doc === envelope ? undefined : writtenAt(at(envelope.json, 'time'));
  const event: AuditEvent = {
    ...told,
    family: FAMILY,
    source: 'entra.log',
    ...(written && written.at !== told.occurred.at && { observed: written }),
    instance: identifier(input.instance) ?? record.tenant,
    nativeId: name,
    dedupeKey: name,
    keys: record.draft.keys,
    edges: record.draft.edges,
    unread: envelope.notes.unread,
  };
  return { ok: true, events: [event] };
}

// Risk records write it in a form of their own, `3/24/2022 2:42:35 PM`: in UTC, as the other times of the record show.
function writtenAt(time: unknown): Stamp | undefined {
  const found = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d{2}:\d{2}) ([AP])M$/.exec(
    typeof time === 'string' ? time : '',
  );
  if (!found) return parseStamp(time);
  const [, month = '', day = '', year = '', hour = '', rest = '', half = ''] = found;
  const hours = (Number(hour) % 12) + (half === 'P' ? 12 : 0);
  const two = (part: string | number): string => String(part).padStart(2, '0');
  return parseStamp(`${year}-${two(month)}-${two(day)}T${two(hours)}:${rest}Z`);
}

// By category where there is an envelope; a Graph object alone is told by what it has.
function readerOf(doc: Doc, category: string, envelope: Doc): ((record: EntraRecord) => EntraTold) | undefined {
  const has = (name: string): boolean => at(doc.json, name) !== undefined;
  if (category === 'MicrosoftGraphActivityLogs') return readGraphActivity;
  if (has('riskEventType') && has('riskState')) return readRisk;
  if (category.endsWith('SignInLogs') || has('createdDateTime')) return readSignIn;
  if (category === 'AuditLogs' || has('activityDisplayName')) return readAudit;
  // Categories of single services (Policy, DirectoryManagement ...) come in the same envelope and are audits.
  return at(envelope.json, 'operationName') === undefined || doc === envelope ? undefined : readAudit;
}
