import type { LoggedRecord } from './event-log.ts';
import type { KafkaMessage } from './kafka-records.ts';

/**
 * When Custody received the record, milliseconds UTC. Topics stamp what they take with their own clock, so that retention
 * counts from the arrival, and no sender's clock can have a record dropped at once or kept for ever.
 */
export const RECEIVED_HEADER = 'x-custody-received';

/** A message as the log gives it to its readers. What has no such header was produced by others: its stamp is Kafka's. */
export function recordOf(message: KafkaMessage): LoggedRecord {
  const headers: [string, string][] = [];
  let received: number | undefined;
  for (const [name, value] of Object.entries(message.headers)) {
    if (name === RECEIVED_HEADER) received = stampOf(value.toString('latin1'));
    else headers.push([name, value.toString('utf8')]);
  }
  const stamped = Number(message.timestamp);
  return {
    offset: Number(message.offset),
    // A record cannot have been received after the log had it.
    timestampMs: received === undefined || received > stamped ? stamped : received,
    key: message.key?.toString('utf8') ?? '',
    value: message.value ?? Buffer.alloc(0),
    headers: Object.fromEntries(headers),
  };
}

function stampOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
