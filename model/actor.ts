/** What sort of party acts (sources.md 2.2, first matching rule of the source). */
export const ACTOR_KINDS = ['unknown', 'human', 'service', 'ai_agent', 'system'] as const;
export type ActorKind = (typeof ACTOR_KINDS)[number];

/** A party as one event names it. `key` is a hub key; `aliases` are further keys that the same event vouches for. */
export interface ActorRef {
  readonly kind: ActorKind;
  readonly key: string;
  readonly display?: string;
  readonly email?: string;
  readonly aliases?: readonly string[];
  /** Of an AI agent: the account of the person for whom it acts, where the event itself says so. */
  readonly sponsor?: string;
  /** Of an AI agent: the model that it ran on, where the issuer says so. */
  readonly model?: string;
}
