import type { Action, Outcome } from '../../model/action.ts';
import type { KeyRole } from '../../model/event.ts';
import { keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { idpUserKey, tokenKey } from '../../model/keys.ts';
import { addEdge, addKey } from './draft.ts';
import type { Draft } from './draft.ts';
import { getString } from './read.ts';
import type { Doc } from './read.ts';

/** A user event on its way. */
export interface UserEvent {
  readonly doc: Doc;
  readonly draft: Draft;
  readonly type: string;
  /** The type without `_ERROR`. */
  readonly base: string;
  readonly action: Action;
  readonly outcome: Outcome;
  readonly issuer: string | undefined;
  readonly host: string;
  readonly realm: string | undefined;
  readonly userId: string | undefined;
  readonly clientId: string | undefined;
  readonly sessionId: string | undefined;
}

/** The rule of edges that Keycloak's own record tells, sources.md 1.7.1, Joins. */
const RULE = '1.7.1';
const ISSUES: ReadonlySet<Action> = new Set(['session.login', 'token.issue', 'token.exchange', 'token.renew']);

/**
 * Adds session, tokens and assertion with the joins of sources.md 1.7.1, and gives the key of the access token that was
 * issued. The session is a parent that is climbed to: user -> session -> tokens. A refresh token is the parent of what
 * was got with it, and an assertion (a GitLab ID token) of the token that it got (E14). What an exchange was made from is
 * not in the record: no edge is asserted (see `exchanged_from`).
 */
export function addTokenKeys(event: UserEvent): Key | undefined {
  const { doc, draft, issuer, outcome, base } = event;
  const session = addSession(event);
  const refresh = tokenKey(issuer, getString(doc, 'details', 'refresh_token_id'));
  const assertion = addAssertion(event);
  const token = tokenKey(issuer, getString(doc, 'details', 'token_id'));
  if (outcome !== 'success' || !ISSUES.has(event.action)) {
    const role: KeyRole = base === 'REVOKE_GRANT' ? (outcome === 'success' ? 'ends' : 'mentions') : 'uses';
    // RESET_PASSWORD and the like name an action token of another kind, which gives no access.
    const isUse = event.action === 'token.use' || base === 'REVOKE_GRANT' || ISSUES.has(event.action);
    addKey(draft, token, isUse ? role : 'mentions', 'details.token_id');
    const isAsserted = outcome !== 'success' && base !== 'REVOKE_GRANT';
    addKey(draft, refresh, role, 'details.refresh_token_id', isAsserted ? 'asserted' : 'exact');
    return undefined;
  }
  if (issuesNoAccessToken(event)) {
    // The ID token that an exchange gave has a jti of its own that no record holds: this one is nobody's.
    addKey(draft, token, 'mentions', 'details.token_id');
    return undefined;
  }
  addKey(draft, token, 'creates', 'details.token_id');
  addEdge(draft, session, token, { relation: 'issued', rule: RULE });
  if (base === 'REFRESH_TOKEN') {
    addKey(draft, refresh, 'uses', 'details.refresh_token_id');
    const updated = tokenKey(issuer, getString(doc, 'details', 'updated_refresh_token_id'));
    addKey(draft, updated, 'creates', 'details.updated_refresh_token_id');
    addEdge(draft, refresh, token, { relation: 'issued', rule: RULE });
    addEdge(draft, refresh, updated, { relation: 'exchanged', rule: RULE });
  } else {
    addKey(draft, refresh, 'creates', 'details.refresh_token_id');
    addEdge(draft, session, refresh, { relation: 'issued', rule: RULE });
  }
  addEdge(draft, assertion, token, { relation: 'exchanged', rule: 'E14' });
  return token;
}

// What a failed request names as its session may be the caller's own data.
function addSession(event: UserEvent): Key | undefined {
  const { doc, draft, issuer, outcome, base, sessionId } = event;
  const session = keyOf('keycloak:session', issuer, sessionId);
  const failed = outcome !== 'success';
  const isStart = (event.action === 'session.login' || base === 'IMPERSONATE') && !failed;
  const isEnd = base === 'LOGOUT' && !failed;
  const role: KeyRole = failed ? 'mentions' : isStart ? 'creates' : isEnd ? 'ends' : 'uses';
  addKey(draft, session, role, 'sessionId', failed ? 'asserted' : 'exact');
  const user = idpUserKey(issuer, event.userId);
  if (event.action === 'session.login' && isStart)
    addEdge(draft, user, session, { relation: 'authenticated', rule: 'E1' });
  if (base === 'IMPERSONATE' && isStart) {
    // The new session is the victim's; the log tells the one from which it was opened.
    const from = keyOf('keycloak:session', issuer, getString(doc, 'details', 'authSessionParentId'));
    addKey(draft, from, 'uses', 'details.authSessionParentId');
    addEdge(draft, from, session, { relation: 'assumed', rule: RULE });
  }
  return session;
}

// An assertion of another issuer is a token of its own; one that a client signs for itself (`iss` is its name) is none.
function addAssertion({ doc, draft, outcome }: UserEvent): Key | undefined {
  const issuer = getString(doc, 'details', 'client_assertion_issuer');
  if (issuer === undefined || !/^https?:\/\//i.test(issuer)) return undefined;
  const assertion = tokenKey(issuer, getString(doc, 'details', 'client_assertion_id'));
  const confidence = outcome === 'success' ? 'exact' : 'asserted';
  addKey(draft, assertion, 'uses', 'details.client_assertion_id', confidence);
  const subject = idpUserKey(issuer, getString(doc, 'details', 'client_assertion_sub'));
  addKey(draft, subject, 'mentions', 'details.client_assertion_sub', confidence);
  return assertion;
}

function issuesNoAccessToken({ doc, base }: UserEvent): boolean {
  const wanted = getString(doc, 'details', 'requested_token_type') ?? '';
  return base === 'TOKEN_EXCHANGE' && wanted.endsWith(':id_token');
}
