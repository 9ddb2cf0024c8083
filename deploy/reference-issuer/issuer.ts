import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { CryptoKey } from 'jose';
import type { CommonData, PartyRef } from '../../ingest/issuer-kit/event-types.ts';
import type { Issuer } from '../../ingest/issuer-kit/issuer.ts';
import { jobClaims, ruleFor } from './grants.ts';
import type { Grants, JobClaims, Rule } from './grants.ts';
import { verifyToken } from './verify-token.ts';
import type { Provider } from './verify-token.ts';

export interface ReferenceIssuerDeps {
  readonly kit: Issuer;
  readonly grants: Grants;
  readonly issuer: string;
  readonly gitlab: Provider;
  readonly people: Provider;
  readonly signing: { readonly kid: string; readonly key: CryptoKey };
}

export type Answer =
  | { readonly status: 'issued'; readonly token: string; readonly jti: string; readonly expires_at: string }
  | { readonly status: 'approval_pending'; readonly request_id: string }
  | { readonly status: 'denied'; readonly reason: string }
  /** Nothing that the token says is proven, so there is nobody of whom a step could be reported. */
  | { readonly status: 'refused'; readonly reason: string }
  /** The keys of GitLab could not be had: nothing was decided, and the same request may be made again. */
  | { readonly status: 'unavailable'; readonly reason: string };

interface Request {
  readonly id: string;
  readonly rule: Rule;
  readonly claims: JobClaims;
  approval?: { readonly by: PartyRef; readonly at: Date };
}

/** Asks for a token for a job, and approves what a job has asked for. */
export interface ReferenceIssuer {
  request(idToken: string, role: string): Promise<Answer>;
  approve(requestId: string, personToken: string): Promise<{ readonly approved: boolean; readonly reason?: string }>;
}

/**
 * The flow of a broker from a GitLab ID token to a token of its own. Every step is on the disk of the kit before its
 * outcome is told. Requests and approvals live in memory: a restart asks again, and grants nothing by that.
 */
export function createReferenceIssuer(deps: ReferenceIssuerDeps): ReferenceIssuer {
  const requests = new Map<string, Request>();
  const spent = new Set<string>();
  const policy = { id: deps.grants.id, version: deps.grants.version, sha256: deps.grants.sha256 };
  const findRequest = (claims: JobClaims, role: string): Request | undefined =>
    [...requests.values()].find(({ rule, claims: known }) => rule.role === role && known.job_id === claims.job_id && known.sha === claims.sha); // prettier-ignore

  return {
    async request(idToken, role) {
      const read = await verifyToken(idToken, deps.gitlab);
      if (read.payload === undefined) return { status: read.retry ? 'unavailable' : 'refused', reason: read.reason };
      const parsed = jobClaims.safeParse(read.payload);
      if (!parsed.success) return { status: 'refused', reason: 'claims_missing' };
      const claims = parsed.data;
      const rule = read.reason === undefined ? ruleFor(deps.grants, role, claims) : undefined;
      const known = findRequest(claims, role);
      const request_id = known?.id ?? `rq-${randomUUID()}`;
      const common = { request_id, ...describe(deps, claims, rule, role) };
      if (!known) await deps.kit.emit({ type: 'requested', data: { ...common, requester: jobParty(deps, claims) } });
      const spentReason = spent.has(`${claims.jti} ${role}`) ? 'token_was_used' : undefined;
      const refusal = read.reason ?? (rule === undefined ? 'no_rule_grants_this' : spentReason);
      if (rule === undefined || refusal !== undefined) {
        const approval = { mode: 'policy', policy, reason_code: refusal ?? '' } as const;
        const parent_tokens = [{ iss: deps.gitlab.issuer, jti: claims.jti, kind: 'jwt' }] as const;
        await deps.kit.emit({ type: 'denied', data: { ...common, parent_tokens, approval, outcome: 'denied' } });
        return { status: 'denied', reason: refusal ?? '' };
      }
      const request = known ?? { id: request_id, rule, claims };
      requests.set(request_id, request);
      const fresh = Date.now() - (request.approval?.at.getTime() ?? 0) < deps.grants.approval_validity_s * 1_000;
      if (rule.approval === 'required' && !fresh) return { status: 'approval_pending', request_id };
      // Marked before anything is waited for: of two requests at once only one gets a token.
      spent.add(`${claims.jti} ${role}`);
      const { approval } = request;
      const decided = approval
        ? ({ mode: 'human', decision_by: approval.by, decided_at: approval.at.toISOString(), policy } as const)
        : ({ mode: 'policy', policy } as const);
      if (!approval) await deps.kit.emit({ type: 'approved', data: { ...common, approval: decided } });
      return issue(deps, { claims, rule, common, approval: decided });
    },
    async approve(requestId, personToken) {
      const { payload: person, reason } = await verifyToken(personToken, deps.people);
      if (person === undefined || reason !== undefined) return { approved: false, reason: reason ?? '' };
      const request = requests.get(requestId);
      if (!request) return { approved: false, reason: 'no_such_request' };
      const groups = Array.isArray(person['groups']) ? (person['groups'] as unknown[]) : [];
      if (!deps.grants.approvers.some((group) => groups.includes(group))) return { approved: false, reason: 'not_an_approver' }; // prettier-ignore
      if (person['gitlab_user_id'] === request.claims.user_id) return { approved: false, reason: 'own_request' };
      const by = { kind: 'human', iss: deps.people.issuer, sub: String(person['sub']) } as const;
      const at = new Date();
      const data = { request_id: requestId, ...describe(deps, request.claims, request.rule, request.rule.role) };
      const approval = { mode: 'human', decision_by: by, decided_at: at.toISOString(), policy } as const;
      await deps.kit.emit({ type: 'approved', time: at, data: { ...data, approval } });
      request.approval = { by, at };
      return { approved: true };
    },
  };
}

interface Grant {
  readonly claims: JobClaims;
  readonly rule: Rule;
  readonly common: CommonData;
  readonly approval: NonNullable<CommonData['approval']>;
}

async function issue(deps: ReferenceIssuerDeps, { claims, rule, common, approval }: Grant): Promise<Answer> {
  const jti = randomUUID();
  const issuedAt = Math.floor(Date.now() / 1_000);
  const expires_at = new Date((issuedAt + rule.lifetime_s) * 1_000).toISOString();
  const { kid, key } = deps.signing;
  // AWS takes the source identity from this claim, and CloudTrail writes it into every later record of the session.
  const token = await new SignJWT({ 'https://aws.amazon.com/source_identity': jti, project_path: claims.project_path })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
    .setIssuer(deps.issuer)
    .setSubject(claims.sub)
    .setAudience('sts.amazonaws.com')
    .setJti(jti)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + rule.lifetime_s)
    .sign(key);
  const { target } = common;
  await deps.kit.emit({
    type: 'exchanged',
    data: {
      ...common,
      token: { iss: deps.issuer, jti, kind: 'jwt', typ: 'at+jwt', kid, alg: 'ES256' },
      parent_tokens: [{ iss: deps.gitlab.issuer, jti: claims.jti, kind: 'jwt' }],
      subject: jobParty(deps, claims),
      actors: [],
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      issued_at: new Date(issuedAt * 1_000).toISOString(),
      expires_at,
      approval,
      ...(target && { target: { ...target, aws: { ...target.aws, source_identity: jti } } }),
      outcome: 'success',
    },
  });
  return { status: 'issued', token, jti, expires_at };
}

function jobParty({ gitlab }: ReferenceIssuerDeps, claims: JobClaims): PartyRef {
  return { kind: 'service', iss: gitlab.issuer, sub: claims.sub };
}

/** What every event of a request tells: the person behind the job, the job, the role. */
function describe(
  { gitlab }: ReferenceIssuerDeps,
  claims: JobClaims,
  rule: Rule | undefined,
  role: string,
): CommonData {
  const { project_id, project_path, pipeline_id, job_id, user_id, user_identities, ref, sha, runner_id, environment } =
    claims;
  const account = /^arn:aws:iam::(\d{12}):/.exec(role)?.[1];
  return {
    subject: { kind: 'human', iss: gitlab.issuer, sub: user_id, ...(user_identities !== undefined && { user_identities }) },
    audience: ['sts.amazonaws.com'],
    scope: rule === undefined ? [] : [rule.job],
    ci: {
      provider: 'gitlab', host: new URL(gitlab.issuer).host, project_id, project_path, pipeline_id, job_id, user_id, ref, sha,
      ref_protected: claims.ref_protected === 'true',
      ...(runner_id !== undefined && { runner_id }),
      ...(environment !== undefined && { environment }),
    },
    target: { type: 'aws_role', name: role.slice(0, 256), aws: { role_arn: role.slice(0, 256), ...(account !== undefined && { account }) } },
  }; // prettier-ignore
}
