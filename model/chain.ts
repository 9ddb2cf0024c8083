import type { ActorKind } from './actor.ts';
import type { Confidence, Relation } from './event.ts';

/**
 * What the walk gives for one flow, as it is shown, exported and judged. Every time is text: UTC, six digits, "Z".
 */

/** A party of a chain after identity resolution. `person` is the canonical key; undefined where it could not be resolved. */
export interface Party {
  readonly key: string;
  readonly kind: ActorKind;
  readonly display?: string;
  readonly person?: string;
  readonly aliases: readonly string[];
  /** Of an AI agent: the person who answers for it; an agent and its sponsor are one party. */
  readonly sponsor?: string;
  /** How the account was tied to the person: policy entry and its method, or the event that vouched. */
  readonly how?: string;
}

export interface ChainLink {
  readonly parent: string;
  readonly child: string;
  readonly relation: Relation;
  readonly confidence: Confidence;
  readonly rule: string;
  /** Key of the event that asserts it. */
  readonly event: string;
}

export interface ChainEvent {
  readonly event: string;
  readonly ref: string;
  readonly family: string;
  readonly instance: string;
  readonly type: string;
  readonly action: string;
  readonly stage: string;
  readonly outcome: string;
  readonly occurred_at: string;
  readonly precision: string;
  readonly actor: Party;
  /** The party whose rights were used, where it is another than who acted. */
  readonly on_behalf_of?: Party;
  /** RFC 8693 `act`, where more than one stands between: [0] acts now, the last was first. */
  readonly act_chain?: readonly Party[];
  readonly resource?: string;
  readonly environment?: string;
  readonly source_ip?: string;
  /** What the reader must be told beside it: forged metadata, a broken chain of actors. */
  readonly findings?: readonly { readonly kind: string; readonly detail: string }[];
  /** One sentence for people. */
  readonly sentence: string;
}

/** The six stages as they are told (design.md 5). */
export const CHAIN_STAGES = ['requested', 'approved', 'ran', 'credential', 'touched', 'closed'] as const;
export type ChainStageName = (typeof CHAIN_STAGES)[number];

export interface ChainStage {
  readonly stage: ChainStageName;
  readonly state: 'present' | 'missing' | 'late_possible' | 'not_observable' | 'not_required';
  readonly grade?: Confidence;
  readonly note?: string;
  readonly events: readonly string[];
}

export const AUTHORIZATIONS = [
  'complete',
  'complete_asserted',
  'approval_missing',
  'no_approval_required',
  'break_glass',
] as const;
export type Authorization = (typeof AUTHORIZATIONS)[number];

/** Whether the sources allow the answer: every source read past the chain's end and its lateness, without gaps. */
export const EVIDENCE_VERDICTS = ['complete', 'complete_with_gaps', 'open', 'unprovable'] as const;
export type EvidenceVerdict = (typeof EVIDENCE_VERDICTS)[number];

export interface Chain {
  /** Hash of the root of the flow: the same chain from whichever of its events one starts. */
  readonly id: string;
  readonly focal: string;
  readonly root: string;
  readonly environment?: string;
  readonly authorization: Authorization;
  readonly evidence: EvidenceVerdict;
  readonly evidence_reasons: readonly string[];
  readonly requester?: Party;
  readonly initiator?: Party;
  readonly approvers: readonly Party[];
  readonly runner?: Party;
  readonly job?: string;
  readonly pipelines: readonly string[];
  readonly requests: readonly string[];
  readonly credentials: readonly string[];
  readonly touched: readonly string[];
  readonly stages: readonly ChainStage[];
  readonly links: readonly ChainLink[];
  readonly events: readonly ChainEvent[];
  readonly findings: readonly { readonly kind: string; readonly detail: string; readonly event?: string }[];
}
