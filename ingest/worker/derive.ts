import { hash } from 'node:crypto';
import secureJson from 'secure-json-parse';
import type { AuditEvent } from '../../model/event.ts';
import { contentHashOf, eventIdOf } from '../../model/event-id.ts';
import { sourceOf } from '../../model/policy.ts';
import type { Policy } from '../../model/policy.ts';
import { LIMITS } from '../../model/position.ts';
import { REASONS } from '../../model/reason.ts';
import type { Reason } from '../../model/reason.ts';
import { isSource } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import { textsOf } from '../../store/encode.ts';
import type { EventTexts } from '../../store/encode.ts';
import { HEADERS } from '../log/event-log.ts';
import type { ParseInput, SourceAdapter } from '../sources/adapter.ts';
import { variablesOf } from '../sources/variables.ts';

/** Changes when the same record gives another event than before, so that a rebuild is known to be due. */
export const PARSER_VERSION = '5';

/** How far an event may lie after its arrival before its time is not believed. */
const FUTURE_US = 600_000_000;
const MAX_DETAIL_CHARS = 256;

export interface DeriveContext {
  readonly tenant: string;
  readonly policy: Pick<Policy, 'sources' | 'pipeline_variables'>;
  readonly adapterFor: (source: Source) => SourceAdapter | undefined;
}

/**
 * An event with its identity. `contentHash` is 32 hex digits: where the event is the whole document of its record
 * (`isWhole`) the hash of the record's bytes, which costs a tenth of making them canonical first; else that of what all
 * shapes of the event share. Where two whole ones differ, recall.ts says whether they mean the same; so it does for those
 * with a twin, whose hash is of what both forms say alike.
 */
export interface IdentifiedEvent {
  readonly event: AuditEvent;
  readonly eventId: string;
  readonly contentHash: string;
  readonly isWhole: boolean;
  readonly texts: EventTexts;
  /** Where the source tells it in two forms: the digests of both (tellings.ts). `contentHash` is then `own`. */
  readonly twin?: { readonly own: string; readonly other: string };
}

export type Derived =
  | { readonly ok: true; readonly events: readonly IdentifiedEvent[] }
  | { readonly ok: false; readonly reason: Reason; readonly detail: string };

/** A record with its headers read; `receivedAtMs` is Unix milliseconds. */
export interface DeriveInput {
  readonly headers: ReadonlyMap<string, string>;
  readonly receivedAtMs: number;
  readonly value: Buffer;
}

/**
 * What a record means: its events with their identities, or the reason why it has none. Never throws, and is the same
 * for the same record and policy at any time: a rebuild rests on it.
 */
export function deriveRecord(arrived: DeriveInput, context: DeriveContext): Derived {
  const input = asFirstReceived(arrived);
  const unreadable = input.headers.get(HEADERS.unreadable);
  if (unreadable !== undefined) return refuseUnreadable(unreadable);
  const source = input.headers.get(HEADERS.source) ?? '';
  const adapter = isSource(source) || source === 'custody.self' ? context.adapterFor(source) : undefined;
  if (!adapter) return refuse('unknown_source', 'no adapter for the source that the record names');
  const json = parseJson(input.value);
  if (json === undefined) return refuse('unreadable', 'the value is not JSON');
  try {
    const parsed = adapter.parse(parseInputOf(input, json.value, adapter, context));
    if (!parsed.ok) return refuse(parsed.reason, parsed.detail);
    if (parsed.events.length > LIMITS.eventsPerRecord)
      return refuse('too_many_events', `${parsed.events.length} events in one record`);
    const latest = input.receivedAtMs * 1_000 + FUTURE_US;
    const future = parsed.events.find((event) => event.occurred.at > latest);
    if (future)
      return refuse(
        'future_timestamp',
        `the event lies ${Math.round((future.occurred.at / 1_000 - input.receivedAtMs) / 1_000)} s after its arrival`,
      );
    return { ok: true, events: parsed.events.map((event) => identify(event, context.tenant, json.value, input.value)) };
  } catch (error) {
    return refuse('adapter_failed', `${adapter.source}: ${error instanceof Error ? error.name : typeof error}`);
  }
}

/** A record that repeats a dead letter is judged by when the letter came: to wait and replay makes no event of the future true. */
function asFirstReceived(input: DeriveInput): DeriveInput {
  const header = input.headers.get(HEADERS.firstReceived) ?? '';
  if (!/^\d{1,15}$/.test(header)) return input;
  return { ...input, receivedAtMs: Math.min(input.receivedAtMs, Number(header)) };
}

function identify(event: AuditEvent, tenant: string, document: unknown, bytes: Buffer): IdentifiedEvent {
  const { twin } = event;
  if (twin) {
    const [own, other] = [contentHashOf({ content: twin.own }), contentHashOf({ content: twin.other })];
    const texts = textsOf(event);
    return { event, eventId: eventIdOf(tenant, event), contentHash: own, isWhole: false, texts, twin: { own, other } };
  }
  const isWhole = event.content === document;
  const contentHash = isWhole ? hash('sha256', bytes, 'hex').slice(0, 32) : contentHashOf(event);
  return { event, eventId: eventIdOf(tenant, event), contentHash, isWhole, texts: textsOf(event) };
}

function parseInputOf(
  input: DeriveInput,
  json: unknown,
  adapter: SourceAdapter,
  { policy }: DeriveContext,
): ParseInput {
  const instance = input.headers.get(HEADERS.instance) ?? '';
  const settings = sourceOf(policy as Policy, adapter.family, instance);
  return {
    json,
    instance,
    receivedAt: input.receivedAtMs * 1_000,
    headers: sentHeaders(input.headers),
    ...(settings ? { settings } : {}),
    variables: variablesFor(policy),
  };
}

// Many records share their headers, and all the policy.
const sentHeaders = remembering((headers: ReadonlyMap<string, string>) =>
  Object.fromEntries([...headers].filter(([name]) => !name.startsWith('x-custody-'))),
);
const variablesFor = remembering(variablesOf);

function remembering<In extends object, Out>(make: (from: In) => Out): (from: In) => Out {
  const made = new WeakMap<In, Out>();
  return (from) => {
    const known = made.get(from);
    if (known !== undefined) return known;
    const out = make(from);
    made.set(from, out);
    return out;
  };
}

// Names such as `__proto__` are left out of what adapters see; the bytes of the record keep them. Text that can hold no
// such name, neither plain nor escaped, need no further look.
const SUSPECT = ['__proto__', 'constructor', '\\u'];

function parseJson(value: Buffer): { readonly value: unknown } | undefined {
  const text = value.toString('utf8');
  try {
    return {
      value: SUSPECT.some((word) => text.includes(word))
        ? secureJson.parse(text, null, { protoAction: 'remove', constructorAction: 'remove' })
        : JSON.parse(text),
    };
  } catch {
    return undefined;
  }
}

/** The intake wrote why it withheld the value: "reason: detail". */
function refuseUnreadable(header: string): Derived {
  const [word = '', detail = ''] = header.split(/:\s*(.*)/s, 2);
  return Object.hasOwn(REASONS, word) ? refuse(word as Reason, detail) : refuse('unreadable', header);
}

function refuse(reason: Reason, detail: string): Derived {
  return { ok: false, reason, detail: detail.slice(0, MAX_DETAIL_CHARS) };
}
