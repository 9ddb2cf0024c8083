import type { LoggedRecord } from './event-log.ts';
import type { KafkaMessage } from './kafka-records.ts';

/**
 * When Custody received the record, milliseconds UTC. Topics stamp what they take with their own clock, so that retention
 * counts from the arrival, and no sender's clock can have a record dropped at once or kept for ever.
 */
export const RECEIVED_HEADER = 'x-custody-received';

/**
 * Gives messages as the log gives them to its readers. What has no such header was produced by others: its stamp is
 * Kafka's. Records with equal headers one after another share one object, as those of an append to the embedded log do,
 * so that what is made of headers is made once for them.
 */
export function createRecordReader(): (message: KafkaMessage) => LoggedRecord {
  let raw = new Map<string, Buffer>();
  let headers: Readonly<Record<string, string>> = {};
  return (message) => {
    const entries = Object.entries(message.headers);
    const received = message.headers[RECEIVED_HEADER];
    const own = entries.length - (received === undefined ? 0 : 1);
    const isSame =
      own === raw.size && entries.every(([name, value]) => name === RECEIVED_HEADER || raw.get(name)?.equals(value));
    if (!isSame) {
      const others = entries.filter(([name]) => name !== RECEIVED_HEADER);
      // Copies, for the bytes are views into a whole fetch, which would be held by them.
      raw = new Map(others.map(([name, value]) => [name, Buffer.from(value)]));
      headers = Object.fromEntries(others.map(([name, value]) => [name, value.toString('utf8')]));
    }
    const stamped = Number(message.timestamp);
    const claimed = received === undefined ? undefined : stampOf(received.toString('latin1'));
    return {
      offset: Number(message.offset),
      // A record cannot have been received after the log had it.
      timestampMs: claimed === undefined || claimed > stamped ? stamped : claimed,
      key: message.key?.toString('utf8') ?? '',
      value: message.value ?? Buffer.alloc(0),
      headers,
    };
  };
}

function stampOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
