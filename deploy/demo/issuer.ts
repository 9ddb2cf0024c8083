import { actorsOf, approvalOf, audienceOf, ciOf, party, policyOf, targetOf } from './issuer-parts.ts';
import type { Exchange } from './issuer-parts.ts';
import { ACCOUNTS, HOSTS } from './organisation.ts';
import type { Person, Project } from './organisation.ts';
import { iso } from './emit.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';

/** The made-up token service: it counts its events, as the contract asks (sources.md 3.3 `sequence`). */
export interface Issuer {
  /** A job's GitLab ID token exchanged for one of our own; gives its jti. */
  exchange(story: Exchange): string;
  requested(story: {
    requestId: string;
    requester: Person;
    project: Project;
    at: number;
    /** Why; undefined plants a request that does not say. */
    reason: string | undefined;
    breakGlass?: boolean;
  }): void;
  approved(story: {
    requestId: string;
    requester: Person;
    approver?: Person;
    project: Project;
    at: number;
    breakGlass?: boolean;
  }): void;
  /** A break-glass credential for a person; gives its jti. */
  issued(story: { requestId: string; holder: Person; at: number; expiresAt: number }): string;
  revoked(story: { jti: string; holder: Person; at: number }): void;
  reviewed(story: { requestId: string; reviewer: Person; at: number }): void;
}

type Send = (at: number, type: string, subject: string, authtype: string, data: Record<string, unknown>) => void;

/** Starts the token service. Its `sequence` is counted when deliveries are packed, in order of time. */
export function createIssuer(emit: Emit, random: Random): Issuer {
  const send = createSend(emit, random);
  return {
    exchange: (story) => sendExchanged(send, random.uuid(), story),
    requested: (story) => sendRequested(send, story),
    approved: (story) => sendApproved(send, story),
    issued: (story) => sendIssued(send, random.uuid(), story),
    revoked(story) {
      const data = { token: token(story.jti), subject: party(story.holder), actors: [], audience: [] };
      send(story.at, 'token.revoked.v1', `jti:${story.jti}`, 'user', {
        ...data,
        reason_code: 'incident_closed',
        initiating_entity: 'user',
        outcome: 'success',
      });
    },
    reviewed(story) {
      const review = { subject_type: 'break_glass', subject_id: story.requestId, reviewer: party(story.reviewer) };
      send(story.at, 'review.completed.v1', `request:${story.requestId}`, 'user', {
        review: { ...review, reviewed_at: iso(story.at), outcome: 'justified', notes: 'every call explained' },
      });
    },
  };
}

function createSend(emit: Emit, random: Random): Send {
  return (at, type, subject, authtype, data) => {
    const time = at.toString(16).padStart(12, '0');
    const id = `${time.slice(0, 8)}-${time.slice(8)}-7${random.hex(3)}-8${random.hex(3)}-${random.hex(12)}`;
    const envelope = { specversion: '1.0', id, source: HOSTS.brokerSource, type: `io.accessaudit.${type}`, subject };
    const body = { ...envelope, time: iso(at), datacontenttype: 'application/json', authtype };
    emit({
      at,
      source: 'issuer',
      instance: HOSTS.brokerSource,
      body: { ...body, data: { schema_version: 1, ...data } },
    });
  };
}

function sendExchanged(send: Send, jti: string, story: Exchange): string {
  const { run } = story;
  const authtype = run.player.kind === 'ai_agent' ? 'ai_agent' : 'service_account';
  send(story.at, 'token.exchanged.v1', `jti:${jti}`, authtype, {
    request_id: story.requestId,
    token: token(jti),
    parent_tokens: [{ iss: `https://${HOSTS.gitlab}`, jti: story.parentJti, kind: 'jwt' }],
    subject: party(run.player.sponsor ?? run.player),
    actors: actorsOf(run),
    client_id: 'gitlab-ci',
    scope: ['deploy'],
    audience: [audienceOf(run.project)],
    issued_at: iso(story.at),
    ...(story.expiresAt === undefined ? {} : { expires_at: iso(story.expiresAt) }),
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    ...approvalOf(story),
    ci: ciOf(run),
    target: targetOf(run.roleOf, run.environment, jti),
    client_ip: run.runner.ip,
    outcome: 'success',
  });
  return jti;
}

function sendRequested(send: Send, story: Parameters<Issuer['requested']>[0]): void {
  send(story.at, 'token.requested.v1', `request:${story.requestId}`, 'user', {
    request_id: story.requestId,
    requester: party(story.requester),
    subject: party(story.requester),
    actors: [],
    scope: ['deploy'],
    audience: [audienceOf(story.project)],
    target: targetOf(story.project, 'production'),
    outcome: 'success',
    ...(story.breakGlass === true ? { reason_code: 'break_glass' } : {}),
    ...(story.reason === undefined ? {} : { reason: story.reason }),
  });
}

function sendApproved(send: Send, story: Parameters<Issuer['approved']>[0]): void {
  const approval = {
    mode: story.breakGlass === true ? 'break_glass' : 'human',
    decided_at: iso(story.at),
    policy: policyOf(story.at),
    ...(story.approver ? { decision_by: party(story.approver) } : {}),
  };
  send(story.at, 'token.approved.v1', `request:${story.requestId}`, story.approver ? 'user' : 'system', {
    request_id: story.requestId,
    subject: party(story.requester),
    actors: [],
    audience: [audienceOf(story.project)],
    target: targetOf(story.project, 'production'),
    approval,
    outcome: 'success',
  });
}

function sendIssued(send: Send, jti: string, story: Parameters<Issuer['issued']>[0]): string {
  const role = `arn:aws:iam::${ACCOUNTS.production}:role/breakglass-admin`;
  const aws = { account: ACCOUNTS.production, role_arn: role, source_identity: jti };
  const policy = policyOf(story.at);
  send(story.at, 'token.issued.v1', `jti:${jti}`, 'user', {
    request_id: story.requestId,
    token: token(jti),
    subject: party(story.holder),
    actors: [],
    client_id: 'oncall-cli',
    audience: ['sts.amazonaws.com'],
    scope: ['admin'],
    issued_at: iso(story.at),
    expires_at: iso(story.expiresAt),
    approval: { mode: 'break_glass', decided_at: iso(story.at - 1_000), policy },
    target: { type: 'aws_role', name: role, aws },
    client_ip: story.holder.ip,
    outcome: 'success',
  });
  return jti;
}

function token(jti: string): Record<string, unknown> {
  return { iss: HOSTS.broker, jti, kind: 'jwt', typ: 'at+jwt', kid: 'eu1-1', alg: 'ES256' };
}
