/**
 * What an issuer writes, as plain types without a library behind them (sources.md 3.2 to 3.4). They are stricter than
 * what the door takes: a test holds that each of them is what the contract's own schema reads.
 */

/** Names a token without ever carrying it: `iss` and `jti`, or `sha256` for one that has no `jti`. */
export interface TokenRef {
  readonly iss?: string;
  readonly jti?: string;
  /** Lower-case hexadecimal SHA-256 over the token as it is sent; `tokenHash` makes it. */
  readonly sha256?: string;
  readonly kind: 'jwt' | 'opaque' | 'sts_session' | 'x509' | 'saml' | 'vault_token' | 'id_jag' | 'txn_token' | 'wit';
  readonly typ?: string;
  readonly kid?: string;
  readonly alg?: string;
  /** Thumbprints only, never a key. */
  readonly cnf?: { readonly jkt?: string; readonly x5t_s256?: string };
  /** An identifier that is no secret: the id of an AWS key, an accessor of Vault, the serial of a certificate. */
  readonly public_id?: string;
}

/** A party: whose rights, or who acts. `unknown` is an honest kind. */
export interface PartyRef {
  readonly kind: 'human' | 'service' | 'ai_agent' | 'system' | 'unknown';
  readonly iss: string;
  readonly sub: string;
  readonly email?: string;
  readonly display?: string;
  readonly client_id?: string;
  readonly spiffe_id?: string;
  readonly agent?: {
    readonly uid: string;
    readonly instance_uid?: string;
    readonly name?: string;
    readonly model?: string;
    readonly version?: string;
  };
  /** Other accounts of the same party, for which the issuer vouches. */
  readonly aliases?: readonly { readonly iss: string; readonly sub: string }[];
}

export interface Approval {
  readonly mode: 'human' | 'policy' | 'pre_approved' | 'break_glass';
  readonly decision_by?: PartyRef;
  /** RFC 3339 with a zone. */
  readonly decided_at?: string;
  readonly policy?: { readonly id: string; readonly version?: string; readonly sha256?: string };
  readonly access_request?: { readonly system: string; readonly scope: string; readonly id: string };
  readonly change?: { readonly system: string; readonly id: string };
  readonly reason_code?: string;
}

/** The pipeline job that asked, from claims that the issuer has verified. */
export interface CiJob {
  readonly provider: 'gitlab' | 'github' | 'other';
  readonly host: string;
  readonly project_id?: string;
  readonly project_path?: string;
  readonly pipeline_id?: string;
  readonly job_id?: string;
  readonly runner_id?: string;
  readonly ref?: string;
  readonly ref_protected?: boolean;
  readonly environment?: string;
  readonly sha?: string;
  readonly config_ref?: string;
  readonly config_sha?: string;
  readonly user_id?: string;
}

/** What a credential is good for, or where it was used. Identifiers only. */
export interface Target {
  readonly type: 'aws_role' | 'k8s_cluster' | 'vault' | 'database' | 'http_api' | 'mcp_server' | 'other';
  readonly name: string;
  readonly aws?: {
    readonly account?: string;
    readonly role_arn?: string;
    readonly session_name?: string;
    readonly source_identity?: string;
    readonly access_key_id?: string;
  };
  readonly vault?: { readonly cluster: string; readonly accessor?: string; readonly lease_id?: string };
}

/** What any event of a token may tell; each type needs some of it. All times are RFC 3339 with a zone. */
export interface CommonData {
  readonly request_id?: string;
  readonly token?: TokenRef;
  /** The subject token first, then the actor token. At most 8. */
  readonly parent_tokens?: readonly TokenRef[];
  readonly session?: { readonly iss: string; readonly sid: string };
  readonly subject?: PartyRef;
  /** Who acts, outermost first, at most 16; empty: the subject acts itself. `partiesOf` makes it from `act`. */
  readonly actors?: readonly PartyRef[];
  readonly requester?: PartyRef;
  readonly client_id?: string;
  readonly audience?: readonly string[];
  readonly scope?: readonly string[];
  readonly resource?: readonly string[];
  readonly issued_at?: string;
  readonly not_before?: string;
  readonly expires_at?: string;
  readonly grant_type?: string;
  readonly approval?: Approval;
  readonly ci?: CiJob;
  readonly workload?: {
    readonly spiffe_id?: string;
    readonly k8s?: {
      readonly cluster: string;
      readonly namespace: string;
      readonly pod_uid?: string;
      readonly service_account?: string;
    };
  };
  readonly target?: Target;
  readonly txn?: string;
  readonly client_ip?: string;
  readonly user_agent?: string;
  readonly reason?: string;
  readonly reason_code?: string;
  readonly initiating_entity?: 'admin' | 'user' | 'policy' | 'system';
  readonly outcome?: 'success' | 'failure' | 'denied';
  readonly error_code?: string;
}

type Needs<Name extends keyof CommonData> = CommonData & { readonly [N in Name]-?: NonNullable<CommonData[N]> };

/** What a revocation covers, where it is not one token. */
export interface RevokedScope {
  readonly subject?: PartyRef;
  readonly session?: { readonly iss: string; readonly sid: string };
  readonly job?: { readonly host: string; readonly id: string };
}

/** `data` by type: the fields without a question mark are those that the type cannot do without (sources.md 3.2). */
export interface DataOf {
  readonly requested: Needs<'request_id' | 'requester'>;
  readonly approved: Needs<'request_id' | 'approval'>;
  readonly denied: Needs<'request_id' | 'approval'>;
  readonly issued: Needs<'token' | 'subject' | 'expires_at'>;
  readonly exchanged: Needs<'token' | 'subject' | 'parent_tokens' | 'actors'>;
  readonly used: Needs<'token' | 'target'>;
  readonly revoked: Omit<CommonData, 'scope'> & { readonly scope?: readonly string[] | RevokedScope };
  readonly expired: Needs<'token'>;
  readonly reviewed: {
    readonly review: {
      readonly subject_type: string;
      readonly subject_id: string;
      readonly reviewer?: PartyRef;
      readonly reviewed_at?: string;
      readonly outcome?: string;
      readonly notes?: string;
    };
  };
}

export type EventName = keyof DataOf;

/** An event as the issuer thinks of it. Everything that is left out is filled in: id, time, subject, sequence. */
export type EventDraft = {
  [Name in EventName]: {
    readonly type: Name;
    readonly data: DataOf[Name];
    /** When it happened: a Date, or RFC 3339 with a zone. Left out: now. */
    readonly time?: string | Date;
    /** A UUIDv7 is made where it is left out. Repeating a delivery keeps it; another event has another. */
    readonly id?: string;
    readonly subject?: string;
    readonly correlationid?: string;
    /** The id of the event that led to this one. */
    readonly causationid?: string;
    readonly traceparent?: string;
    readonly authtype?: string;
    /** A pseudonym, never an e-mail address: context attributes travel in headers and logs. */
    readonly authid?: string;
  };
}[EventName];

/** A CloudEvent 1.0 in its structured form, as it is sent. */
export interface TokenEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly sequence?: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly [attribute: string]: unknown;
}
