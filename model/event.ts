import type { Action, Outcome } from './action.ts';
import type { ActorRef } from './actor.ts';
import type { Facts } from './facts.ts';
import type { Key } from './key.ts';
import type { Family, Source } from './source.ts';
import type { Micros, Stamp } from './time.ts';

/** How a link is known: ids that a server or issuer assigned; a value that the caller chose; time and attributes. */
export const CONFIDENCES = ['exact', 'asserted', 'inferred'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

/**
 * What a key means to the event that names it. `subject`: the event is about it. `decides`: the event is a decision on
 * it. `uses`: acted with it. `creates`, `ends`: it begins or ends here. `mentions`: named, but no part of the flow.
 * The rest are the parties and places (hubs).
 */
export const KEY_ROLES = [
  'subject',
  'decides',
  'uses',
  'creates',
  'ends',
  'mentions',
  'actor',
  'on_behalf_of',
  'initiator',
  'target',
  'place',
] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

/** A key as an event names it, with the field it was read from. */
export interface EventKey extends Key {
  readonly role: KeyRole;
  readonly confidence: Confidence;
  readonly field: string;
}

/** The relations of sources.md 2.4.1. */
export const RELATIONS = [
  'authenticated',
  'requested',
  'granted',
  'authorised',
  'triggered',
  'spawned',
  'contains',
  'retried',
  'gates',
  'issued_to',
  'exchanged',
  'assumed',
  'issued',
  'role_chained',
  'login',
  'created',
  'leased',
  'wrapped',
  'same_as',
  'minted',
  'joined',
] as const;
export type Relation = (typeof RELATIONS)[number];

/** parent -> child, asserted by the event that carries it. */
export interface Edge {
  readonly parent: Key;
  readonly child: Key;
  readonly relation: Relation;
  readonly confidence: Confidence;
  /** The rule of sources.md 2.4.1, such as "E13". */
  readonly rule: string;
  /** Hub key of the principal that made the edge, so that a broker's own credential is never climbed (2.8 C, row 12c). */
  readonly principal?: string;
}

/** What one happening means, derived from a record. Pure: the same record always gives the same event. */
export interface AuditEvent {
  readonly family: Family;
  readonly source: Source;
  /** The installation that sent it: host, organisation, account, cluster. Part of the identity. */
  readonly instance: string;
  /** The id by which people name it, after `event:<family>/`. */
  readonly nativeId: string;
  /** What makes two deliveries the same event within family and instance (sources.md 2.3). */
  readonly dedupeKey: string;
  /** The type as the source says it. */
  readonly type: string;
  readonly occurred: Stamp;
  /** The source's own log time, where it differs. */
  readonly observed?: Stamp;
  /** The source's own counter, as text; compared as a number within one instance. */
  readonly sequence?: string;
  readonly action: Action;
  readonly outcome: Outcome;
  readonly outcomeCode?: string;
  readonly outcomeReason?: string;
  readonly actor: ActorRef;
  readonly onBehalfOf?: ActorRef;
  /** RFC 8693 `act`, flattened: [0] is the actor now, the last the earliest; the subject is not part of it. */
  readonly actChain?: readonly ActorRef[];
  readonly initiator?: ActorRef;
  readonly credential?: { readonly kind: string; readonly key: string };
  readonly resource?: { readonly type: string; readonly key: string; readonly display?: string };
  /** The environment in the source's own word; the policy file says what it means. */
  readonly environment?: string;
  readonly sourceIp?: string;
  readonly userAgent?: string;
  readonly keys: readonly EventKey[];
  readonly edges: readonly Edge[];
  readonly facts: Facts;
  /** JSON paths of fields that should have been understood and were not. Empty is the normal case. */
  readonly unread: readonly string[];
  /**
   * What two deliveries must agree on to be the same story: compared as canonical JSON. Sources that show one event in
   * several shapes (GitLab stream and REST) give here only what all shapes have.
   */
  readonly content: unknown;
  /** Where the source tells a happening in two forms that share no id: what finds the other one. */
  readonly twin?: Twin;
}

/**
 * The two forms of one happening, such as the line of a log and the row of a REST API (sources.md 1.7.1): `own` and `other`
 * are what both say alike, with the name of the form, compared as canonical JSON; the other one lies between the two
 * times, ends included.
 */
export interface Twin {
  readonly own: unknown;
  readonly other: unknown;
  readonly from: Micros;
  readonly to: Micros;
}
