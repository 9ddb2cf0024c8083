import type { ActorRef } from '../model/actor.ts';
import type { Confidence, KeyRole } from '../model/event.ts';
import type { Facts } from '../model/facts.ts';
import type { KeyClass } from '../model/key.ts';
import type { Micros, Precision } from '../model/time.ts';

/** A key as a stored event names it. */
export interface StoredKey {
  readonly key: string;
  readonly class: KeyClass;
  readonly role: KeyRole;
  readonly confidence: Confidence;
  readonly field: string;
}

/**
 * A row of `events` as the rest of the product sees it: times are microseconds UTC, JSON columns are parsed, empty
 * columns are absent. Only accepted events are read into this shape unless a query says otherwise.
 */
export interface StoredEvent {
  /** The place in the log as decimal text (a UInt64 does not fit a number). */
  readonly ref: string;
  /** The name for people: `event:<family>/<native id>`. Not always unique; `ref` is. */
  readonly event: string;
  readonly eventId: string;
  readonly disposition: 'accepted' | 'duplicate' | 'conflict';
  readonly family: string;
  readonly source: string;
  readonly instance: string;
  readonly nativeId: string;
  readonly type: string;
  readonly occurredAt: Micros;
  readonly precision: Precision;
  readonly observedAt?: Micros;
  /** When Custody received it: the clock by which an as-of is judged. */
  readonly receivedAt: Micros;
  readonly sequence?: string;
  readonly action: string;
  readonly stage: string;
  readonly outcome: string;
  readonly outcomeCode?: string;
  readonly outcomeReason?: string;
  readonly actor: ActorRef;
  readonly onBehalfOf?: ActorRef;
  /** RFC 8693 `act`, flattened: [0] is the actor now. */
  readonly actChain: readonly ActorRef[];
  readonly initiator?: ActorRef;
  readonly credential?: { readonly kind: string; readonly key: string };
  readonly resource?: { readonly type: string; readonly key: string; readonly display?: string };
  /** The environment in the source's own word; what it means is for the policy to say. */
  readonly environment?: string;
  readonly sourceIp?: string;
  readonly userAgent?: string;
  readonly facts: Facts;
  readonly unread: readonly string[];
  readonly keys: readonly StoredKey[];
}
