import type { ActorRef } from '../../model/actor.ts';
import { formatMicros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Identities } from '../identity.ts';

/** What a column holds: text, a moment (microseconds UTC), or a value that is JSON. */
export type ColumnKind = 'text' | 'time' | 'json';

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly value: (event: StoredEvent, identities: Identities) => unknown;
}

const text = (name: string, value: Column['value']): Column => ({ name, kind: 'text', value });
const time = (name: string, value: Column['value']): Column => ({ name, kind: 'time', value });
const json = (name: string, value: Column['value']): Column => ({ name, kind: 'json', value });

/**
 * The columns of an exported event, the same in NDJSON and in Parquet. Undefined means that the source did not say.
 * `person` is who stands behind the actor by the policy file, at the time of the event.
 */
export const EXPORT_COLUMNS: readonly Column[] = [
  text('event', (event) => event.event),
  text('event_id', (event) => event.eventId),
  text('ref', (event) => event.ref),
  text('family', (event) => event.family),
  text('source', (event) => event.source),
  text('instance', (event) => event.instance),
  text('type', (event) => event.type),
  time('occurred_at', (event) => event.occurredAt),
  text('precision', (event) => event.precision),
  time('observed_at', (event) => event.observedAt),
  time('received_at', (event) => event.receivedAt),
  text('sequence', (event) => event.sequence),
  text('action', (event) => event.action),
  text('stage', (event) => event.stage),
  text('outcome', (event) => event.outcome),
  text('outcome_code', (event) => event.outcomeCode),
  text('outcome_reason', (event) => event.outcomeReason),
  text('actor_kind', (event) => event.actor.kind),
  text('actor', (event) => keyOf(event.actor)),
  text('actor_name', (event) => event.actor.display),
  text('actor_email', (event) => event.actor.email),
  text('person', (event, identities) => identities.resolve(event.actor, event.occurredAt)?.person),
  text('on_behalf_of', (event) => keyOf(event.onBehalfOf)),
  text('initiator', (event) => keyOf(event.initiator)),
  json('act_chain', (event) => (event.actChain.length === 0 ? undefined : event.actChain)),
  text('credential_kind', (event) => event.credential?.kind),
  text('credential', (event) => event.credential?.key),
  text('resource_type', (event) => event.resource?.type),
  text('resource', (event) => event.resource?.key),
  text('resource_name', (event) => event.resource?.display),
  text('environment', (event) => event.environment),
  text('source_ip', (event) => event.sourceIp),
  text('user_agent', (event) => event.userAgent),
  json('facts', (event) => event.facts),
  json('keys', (event) => event.keys),
  json('unread', (event) => (event.unread.length === 0 ? undefined : event.unread)),
];

/** An event as a line of NDJSON: the columns by name, times as text in UTC with six digits. */
export function exportLine(event: StoredEvent, identities: Identities): string {
  const entries = EXPORT_COLUMNS.map(({ name, kind, value }): [string, unknown] => {
    const held = value(event, identities);
    return [name, kind === 'time' && typeof held === 'number' ? formatMicros(held) : held];
  });
  return `${JSON.stringify(Object.fromEntries(entries))}\n`;
}

function keyOf(actor: ActorRef | undefined): string | undefined {
  return actor === undefined || actor.key === '' ? undefined : actor.key;
}
