import { HOSTS } from './organisation.ts';
import type { Person, Project } from './organisation.ts';
import { iso } from './emit.ts';
import type { Emit } from './emit.ts';
import type { Random } from './random.ts';

interface OktaEvent {
  readonly at: number;
  readonly type: string;
  readonly message: string;
  readonly actor: Person | 'system';
  readonly session?: string;
  readonly transaction?: string;
  readonly target?: readonly Readonly<Record<string, unknown>>[];
  readonly debug?: Readonly<Record<string, string>>;
  readonly credential?: string;
}

/** Emits one LogEvent (sources.md 1.5). */
export function emitOkta(emit: Emit, random: Random, event: OktaEvent): void {
  const person = event.actor === 'system' ? undefined : event.actor;
  emit({
    at: event.at,
    source: 'okta',
    instance: HOSTS.okta,
    body: {
      uuid: random.uuid(),
      published: iso(event.at),
      eventType: event.type,
      version: '0',
      severity: 'INFO',
      displayMessage: event.message,
      actor: person
        ? { id: person.oktaId, type: 'User', alternateId: person.email, displayName: person.name, detailEntry: null }
        : {
            id: 'okta.5f1c0b7e-0000-4000-8000-0000000000aa',
            type: 'SystemPrincipal',
            alternateId: 'system@okta.com',
            displayName: 'Okta System',
            detailEntry: null,
          },
      client: {
        userAgent: { rawUserAgent: 'Mozilla/5.0 (X11; Linux x86_64)', os: 'Linux', browser: 'FIREFOX' },
        zone: 'null',
        device: 'Computer',
        id: null,
        ipAddress: person?.ip ?? null,
      },
      outcome: { result: 'SUCCESS', reason: null },
      target: event.target ?? [],
      transaction: { type: person ? 'WEB' : 'JOB', id: event.transaction ?? random.word(22), detail: {} },
      authenticationContext: {
        authenticationStep: 0,
        externalSessionId: event.session ?? 'unknown',
        rootSessionId: event.session ?? 'unknown',
        issuer: null,
        credentialType: event.credential ?? null,
      },
      debugContext: { debugData: { requestId: random.word(20), ...event.debug } },
      securityContext: { asNumber: 64_500, asOrg: 'example net', isp: 'example', domain: 'example', isProxy: false },
    },
  });
}

/** A login with a second factor, a security key unless another is named; gives the session id. */
export function login(emit: Emit, random: Random, person: Person, at: number, factor = 'FIDO_WEBAUTHN'): string {
  const session = `idx${random.word(21)}`;
  emitOkta(emit, random, { at, type: 'user.session.start', message: 'User login to Okta', actor: person, session });
  emitOkta(emit, random, {
    at: at + 900,
    type: 'user.authentication.auth_via_mfa',
    message: 'Authentication of user via MFA',
    actor: person,
    session,
    credential: 'ASSERTION',
    debug: { factor },
  });
  return session;
}

/** An access request in Okta, and what became of it; gives its id. */
export function requestAccess(
  emit: Emit,
  random: Random,
  ask: { requester: Person; session: string; project: Project; role: string; at: number },
): string {
  const id = `req${random.word(10)}`;
  emitOkta(emit, random, {
    at: ask.at,
    type: 'access.request.create',
    message: 'Access request created',
    actor: ask.requester,
    session: ask.session,
    target: [requestTarget(id, ask.project, ask.role)],
    debug: { requestUri: '/api/v2/requests' },
  });
  return id;
}

/** The decision on an access request, and the membership that follows an approval. */
export function resolveAccess(
  emit: Emit,
  random: Random,
  decision: {
    id: string;
    approver: Person;
    requester: Person;
    project: Project;
    role: string;
    at: number;
    factor?: string | undefined;
  },
): void {
  const session = login(emit, random, decision.approver, decision.at - 240_000, decision.factor);
  const transaction = random.word(22);
  emitOkta(emit, random, {
    at: decision.at,
    type: 'access.request.resolve',
    message: 'Access request resolved',
    actor: decision.approver,
    session,
    transaction,
    target: [requestTarget(decision.id, decision.project, decision.role)],
  });
  emitOkta(emit, random, {
    at: decision.at + 700,
    type: 'group.user_membership.add',
    message: 'Add user to group membership',
    actor: 'system',
    transaction,
    target: [
      {
        id: decision.requester.oktaId,
        type: 'User',
        alternateId: decision.requester.email,
        displayName: decision.requester.name,
        detailEntry: null,
      },
      {
        id: `00g${random.word(17)}`,
        type: 'UserGroup',
        alternateId: 'unknown',
        displayName: `${decision.project.path}-prod`,
        detailEntry: null,
      },
    ],
  });
}

/** Somebody leaves: an administrator shuts the account. */
export function deactivate(emit: Emit, random: Random, admin: Person, person: Person, at: number): void {
  emitOkta(emit, random, {
    at,
    type: 'user.lifecycle.deactivate',
    message: 'Deactivate Okta user',
    actor: admin,
    session: login(emit, random, admin, at - 300_000),
    target: [
      { id: person.oktaId, type: 'User', alternateId: person.email, displayName: person.name, detailEntry: null },
    ],
  });
}

/** The stream of the System Log to a second place is switched off. */
export function stopLogStream(emit: Emit, random: Random, admin: Person, name: string, at: number): void {
  emitOkta(emit, random, {
    at,
    type: 'system.log_stream.lifecycle.deactivate',
    message: 'Deactivate log stream',
    actor: admin,
    session: login(emit, random, admin, at - 300_000),
    target: [{ id: `0oa${name}`, type: 'LogStream', alternateId: name, displayName: name, detailEntry: null }],
  });
}

function requestTarget(id: string, project: Project, role: string): Record<string, unknown> {
  return {
    id,
    type: 'AccessRequest',
    alternateId: id,
    displayName: `Deploy ${project.path} to production`,
    detailEntry: { environment: 'prod', role },
  };
}
