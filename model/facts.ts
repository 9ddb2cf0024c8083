import type { ActorRef } from './actor.ts';
import type { DispositionFact } from './disposition.ts';
import type { GapSaying, ToldGap } from './gap-explanation.ts';
import type { Micros } from './time.ts';

/**
 * What an event says beyond who, what, when and on what: the closed set of facts that chains and control tests may
 * rely on. Adapters write them, `query` reads them; nothing else passes between the two. Times are microseconds UTC.
 */
export interface Facts {
  /** A credential is born or renewed by this event. `key` names it; an absent expiry means that none was stated. */
  readonly credential?: {
    readonly key: string;
    readonly issued_at?: Micros;
    readonly expires_at?: Micros;
    readonly ttl_s?: number;
    readonly renewed?: boolean;
    /** What the credential is good for: a role ARN, a cluster, a Vault role, a URL. */
    readonly target?: string;
    readonly target_account?: string;
    /** How AWS or the issuer was reached: `web_identity`, `role_chain`, `saml`, `broker`, `token_exchange`, `login`... */
    readonly method?: string;
  };
  /** What an issuer says its credential is good for, or where it was used; also of requests and decisions before it. */
  readonly target?: {
    /** `aws_role`, `k8s_cluster`, `vault`, `database`, `http_api`, `mcp_server`, `other`. */
    readonly type: string;
    /** An ARN, a URL, the id of a cluster. */
    readonly name: string;
    /** Role ARN and AWS account. */
    readonly role?: string;
    readonly account?: string;
    /** Vault cluster. */
    readonly cluster?: string;
  };
  /** A decision on a request, deployment or merge request. */
  readonly decision?: {
    readonly decided: 'approved' | 'denied' | 'revoked';
    readonly mode?: 'human' | 'policy' | 'pre_approved' | 'break_glass';
    readonly at?: Micros;
    readonly by?: ActorRef;
    /** The access request that the decision names, when the event is not itself about it. */
    readonly request?: string;
    /** `<policy>@<version>`, without the tenant, which only the policy file knows. */
    readonly policy?: string;
    /** Code of the reason that was given, such as `oncall_emergency`. */
    readonly reason?: string;
    readonly scope?: readonly string[];
    readonly sha?: string;
  };
  /** More than one decision in one record: the groups of a hoop review, one entry for each person and group. */
  readonly decisions?: readonly NonNullable<Facts['decision']>[];
  /** Access was asked for. */
  readonly request?: {
    readonly environment?: string;
    readonly roles?: readonly string[];
    readonly reason?: string;
    readonly break_glass?: boolean;
    readonly sha?: string;
    readonly scope?: readonly string[];
  };
  /** What the issuer says it relied on when it minted. It may repeat a decision that another system holds. */
  readonly relied_on?: Facts['decision'];
  readonly pipeline?: {
    readonly status: string;
    readonly source?: string;
    readonly ref?: string;
    readonly ref_protected?: boolean;
    readonly sha?: string;
    readonly project_id?: string;
    readonly project_path?: string;
    readonly created_at?: Micros;
    readonly finished_at?: Micros;
    readonly merge_request_id?: string;
  };
  readonly job?: {
    readonly status?: string;
    readonly name?: string;
    readonly started_at?: Micros;
    readonly finished_at?: Micros;
    readonly project_id?: string;
    readonly project_path?: string;
    readonly pipeline_id?: string;
    readonly ref?: string;
    readonly ref_protected?: boolean;
    readonly sha?: string;
    readonly runner_id?: string;
    /** The runner as the forge tells it: `instance_type` serves everybody, `project_type` one project. */
    readonly runner_type?: string;
    readonly runner_shared?: boolean;
    readonly runner_tags?: readonly string[];
    /** The pipeline goes on although the job failed. */
    readonly allow_failure?: boolean;
    readonly environment?: string;
  };
  readonly deployment?: {
    readonly status?: string;
    readonly environment?: string;
    readonly tier?: string;
    readonly project_id?: string;
  };
  readonly merge_request?: {
    readonly iid?: string;
    readonly project_id?: string;
    readonly author?: string;
    readonly source_branch?: string;
    readonly target_branch?: string;
    readonly last_commit?: string;
    readonly merge_sha?: string;
    readonly state?: string;
  };
  /** A setting of a system was changed: its name, and its values before and after as the source tells them. */
  readonly setting?: { readonly name: string; readonly from?: string; readonly to?: string };
  /** Somebody saw, exported or changed evidence, or Custody itself was given another policy or catalogue (family custody.self). */
  readonly evidence_access?: {
    readonly action: 'view' | 'query' | 'export' | 'admin' | 'disposition';
    readonly object: string;
    readonly purpose?: string;
    readonly allowed?: boolean;
    /** Id of the approved change under which an administrator acted. */
    readonly change?: string;
    /** From where, and how often within the second or so that was told at once; absent: once. */
    readonly address?: string;
    readonly times?: number;
  };
  /** Somebody said something of an exception (family custody.self); the fact itself stays what it was. */
  readonly disposition?: { readonly exception: string; readonly said: DispositionFact };
  /** Somebody said something of a gap of a stream (family custody.self); the gap stays in every report. */
  readonly gap_explanation?: { readonly gap: ToldGap; readonly said: GapSaying };
  readonly configuration?: {
    readonly kind: 'policy' | 'catalogue';
    readonly sha256: string;
    /** Hash without the register of policy versions, which cannot hold its own hash. */
    readonly content_sha256?: string;
    readonly previous_sha256?: string;
    /** Hash of each section of a policy, and the names of those that differ from the policy before. */
    readonly sections?: Readonly<Record<string, string>>;
    readonly changed?: readonly string[];
  };
  /** Commits arrived on a branch. Authors and committers by e-mail: who wrote the change, whoever merged it. */
  readonly push?: {
    readonly project_id?: string;
    readonly ref?: string;
    readonly after?: string;
    readonly author_emails?: readonly string[];
  };
  /** Someone's standing access to a group or project changed. */
  readonly member?: {
    readonly member: string;
    readonly group?: string;
    readonly access?: string;
    readonly expires_at?: Micros;
  };
  /** A call on a resource. `write` says whether it changes something; a dry run never does. */
  readonly call?: {
    readonly service: string;
    readonly operation: string;
    readonly write: boolean;
    readonly dry_run?: boolean;
    /** A login or an STS call: neither a use of a resource nor a change (scenario README). */
    readonly login?: boolean;
    /** The principal at the target: a role or user ARN, a Kubernetes user name, a Vault display name. */
    readonly principal?: string;
    readonly account?: string;
    readonly invoked_by?: string;
    /**
     * Not the last entry of its request: `started` before a long answer (a watch, an exec), `request` before a Vault
     * response. It is a touch only where no later entry names the same request (`k8s:request`, `vault:request`).
     */
    readonly phase?: 'started' | 'request';
    /** Seconds for which the credential was made, where the target's own record says so; 0 is without an end. */
    readonly credential_ttl_s?: number;
  };
  /**
   * A token was made from another that the record does not name. What says which, as hub and session keys: the session
   * (absent for a machine without one), whose it is, the client that it was made for. The parent is the latest such
   * token before (sources.md 1.7.1), so it is inferred.
   */
  readonly exchanged_from?: { readonly session?: string; readonly subject: string; readonly client: string };
  /** Key of the client that the token was made for (`azp`). */
  readonly issued_for?: string;
  /** What the caller says of itself, to be corroborated (sources.md 2.4.1, E16 and E17). */
  readonly claimed?: {
    readonly session_name?: string;
    readonly subject?: string;
    readonly provider?: string;
    readonly source_identity?: string;
  };
  readonly login?: { readonly factor?: string; readonly mfa?: boolean };
  /**
   * Accounts are said to be one person (`merge`) or different persons (`split`), each account by every key that it has.
   * One account alone, an e-mail address: it is no longer whose it was. `from` is when it begins to hold; a merge without
   * one holds for the time before too. `state`: the first account was tied to exactly the others when it was looked at;
   * what it was tied to before and is no more has ended.
   */
  readonly identity?: {
    readonly change: 'merge' | 'split' | 'state';
    readonly accounts: readonly (readonly string[])[];
    readonly method: string;
    readonly from?: Micros;
    readonly reason?: string;
  };
  readonly review?: {
    readonly subject_type: string;
    readonly subject_id: string;
    readonly outcome?: string;
    readonly at?: Micros;
  };
  readonly ci?: {
    readonly environment?: string;
    readonly ref?: string;
    readonly ref_protected?: boolean;
    readonly project_id?: string;
    readonly project_path?: string;
    readonly sha?: string;
    readonly runner_id?: string;
    /** Digest of the image in which the job ran, where the issuer knows it. */
    readonly image_digest?: string;
  };
  /** A digest file of CloudTrail: the log files of an hour, and the digest before it (sources.md 1.8). */
  readonly digest?: {
    readonly from: Micros;
    readonly to: Micros;
    /** Name and SHA-256 (hex) of the digest before; absent where the chain begins. */
    readonly previous?: { readonly object: string; readonly sha256: string };
    /** The stamps of its oldest and newest event, Unix seconds, as CloudTrail writes them. */
    readonly files: readonly {
      readonly name: string;
      readonly account: string;
      readonly oldest: number;
      readonly newest: number;
    }[];
    /** Files beyond those that are listed. */
    readonly more?: number;
  };
  /** Something in the record that a responder should see: forged metadata, a raw log, a forged extra. */
  readonly findings?: readonly { readonly kind: string; readonly detail: string }[];
}

/** The decisions that an event holds, of whichever number. */
export function decisionsOf(facts: Facts): readonly NonNullable<Facts['decision']>[] {
  return facts.decisions ?? (facts.decision ? [facts.decision] : []);
}
