import { normaliseHost } from '../../model/key.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { openDraft } from './draft.ts';
import { readAuditRow } from './hoop-audit.ts';
import type { Hoop, HoopEvent } from './hoop-parts.ts';
import { readReviewRow } from './hoop-review.ts';
import { readRouted, readSessionClose, readSessionOpen, readSessionRow } from './hoop-session.ts';
import { at, fault, isObject, openDoc, refusalOf } from './read.ts';
import type { Doc } from './read.ts';

/** Query text, what went over the wire, and free text (1.12.1): hoop's own redaction is by exact name only. */
const REDACT: readonly RedactionRule[] = [
  { path: ['input'], rule: 'hoop_input' },
  { path: ['command', '**'], rule: 'hoop_command' },
  { path: ['script', '**'], rule: 'hoop_script' },
  { path: ['event_stream'], rule: 'hoop_stream' },
  { path: ['labels', '**'], rule: 'hoop_labels' },
  { path: ['ai_analysis', '**'], rule: 'hoop_analysis' },
  { path: ['guardrails_info', '**'], rule: 'hoop_guardrails' },
  { path: ['exit_err'], rule: 'free_text' },
  { path: ['error_message'], rule: 'free_text' },
  { path: ['reason'], rule: 'free_text' },
  { path: ['payload', 'reason'], rule: 'free_text' },
  { path: ['rejection_reason'], rule: 'free_text' },
  { path: ['review', 'rejection_reason'], rule: 'free_text' },
  { path: ['request_payload_redacted', '**'], rule: 'hoop_payload' },
];

/** hoop (sources.md 1.12, 1.12.1): webhooks, routed events, rows of its lists of sessions, reviews and acts. */
export const hoopEvent: SourceAdapter = {
  source: 'hoop.event',
  family: 'hoop',
  containers: [['data'], []],
  redact: REDACT,
  parse: parseHoop,
};

function parseHoop(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const doc = openDoc(input.json);
  const host = normaliseHost(input.instance);
  if (host === undefined) return refuse('missing_required_fields', 'instance');
  const hoop: Hoop = { doc, input, host, draft: openDraft() };
  const event = readShape(hoop, doc);
  const unreadable = refusalOf(doc);
  if (unreadable || !event) return unreadable ?? refuse('unknown_type', 'event_type');
  const { keys, edges } = hoop.draft;
  return {
    ok: true,
    events: [{ ...event, family: 'hoop', source: 'hoop.event', instance: host, keys, edges, unread: doc.notes.unread }],
  };
}

// Rows have no type: they are known by the fields that only they have. A card for Teams has none of them.
function readShape(hoop: Hoop, doc: Doc): HoopEvent | undefined {
  const type = at(doc.json, 'event_type');
  if (typeof type === 'string' && type !== '') return readMessage(hoop, type);
  if (type !== undefined && type !== null && type !== '') fault(doc, 'wrong_type', ['event_type']);
  else if (has(doc, 'review_groups_data') && has(doc, 'session')) return readReviewRow(hoop);
  else if (has(doc, 'start_date') || (has(doc, 'verb') && has(doc, 'connection'))) return readSessionRow(hoop);
  else if (has(doc, 'actor_subject') || has(doc, 'http_path')) return readAuditRow(hoop);
  else if (!has(doc, 'attachments') && at(doc.json, 'type') !== 'message')
    fault(doc, 'missing_required_fields', ['event_type']);
  return undefined;
}

function readMessage(hoop: Hoop, type: string): HoopEvent {
  if (type === 'session.open') return readSessionOpen(hoop);
  return type === 'session.close' ? readSessionClose(hoop) : readRouted(hoop, type);
}

function has(doc: Doc, name: string): boolean {
  return at(doc.json, name) !== undefined;
}
