import type { Facts } from '../../model/facts.ts';
import type { Micros, Stamp } from '../../model/time.ts';
import { compact } from './draft.ts';
import { readScopes } from './issuer-links.ts';
import type { TokenLinks } from './issuer-links.ts';
import { readParty } from './issuer-parties.ts';
import { at, getBoolean, getId, getStamp, getString, isObject, note, partOf } from './read.ts';
import type { Doc } from './read.ts';

type Decision = NonNullable<Facts['decision']>;

/** Life of the token that this event brought into being; nothing where none was minted. */
export function credentialFacts(data: Doc, links: TokenLinks, time: Stamp): Facts['credential'] {
  if (!links.token) return undefined;
  const issued = getStamp(data, 'issued_at')?.at ?? time.at;
  const expires = getStamp(data, 'expires_at')?.at;
  const target = targetFacts(data);
  return compact<NonNullable<Facts['credential']>>({
    key: links.token.key,
    issued_at: issued,
    expires_at: expires,
    ttl_s: expires === undefined ? undefined : Math.round((expires - issued) / 1_000_000),
    target: target?.role ?? target?.name,
    target_account: target?.account,
    method: links.parents.length > 0 ? 'token_exchange' : 'broker',
  });
}

/** What the credential is good for, or where it was used. */
export function targetFacts(data: Doc): Facts['target'] {
  if (!isObject(at(data.json, 'target'))) return undefined;
  const target = partOf(data, 'target');
  const name = getString(target, 'name');
  const role = getString(target, 'aws', 'role_arn');
  const named = name ?? role;
  if (named === undefined) return undefined;
  return compact<NonNullable<Facts['target']>>({
    type: getString(target, 'type') ?? 'other',
    name: named,
    role,
    account: getString(target, 'aws', 'account'),
    cluster: getString(target, 'vault', 'cluster'),
  });
}

/**
 * The decision that an issuer's event tells, or says that it relied on. `request` names the request of another system
 * that it rests on; of the issuer's own request the event is itself a part.
 */
export function decisionFacts(
  data: Doc,
  links: TokenLinks,
  decided: Decision['decided'],
  fallback: Micros | undefined,
): Decision | undefined {
  if (!isObject(at(data.json, 'approval'))) return undefined;
  const approval = partOf(data, 'approval');
  const scopes = readScopes(data);
  return compact<Decision>({
    decided,
    mode: modeOf(approval),
    at: getStamp(approval, 'decided_at')?.at ?? fallback,
    by: readParty(approval, 'decision_by')?.ref,
    request: links.otherRequest?.key,
    policy: links.policy?.key.slice('policy:'.length),
    reason: getString(approval, 'reason_code'),
    scope: scopes.length > 0 ? scopes : undefined,
    sha: getString(data, 'ci', 'sha'),
  });
}

/** That access was asked for: where, for which roles, why, and whether past the normal way. */
export function requestFacts(data: Doc): NonNullable<Facts['request']> {
  const target = targetFacts(data);
  const code = getString(data, 'reason_code');
  const name = target?.role ?? target?.name;
  const scopes = readScopes(data);
  return compact<NonNullable<Facts['request']>>({
    environment: getString(data, 'ci', 'environment'),
    roles: name === undefined ? undefined : [name],
    reason: getString(data, 'reason') ?? code,
    break_glass: code === 'break_glass' || getString(data, 'approval', 'mode') === 'break_glass' || undefined,
    sha: getString(data, 'ci', 'sha'),
    scope: scopes.length > 0 ? scopes : undefined,
  });
}

/** What the token's claims said of the pipeline: signed by GitLab, read by the issuer. */
export function ciFacts(data: Doc): Facts['ci'] {
  if (!isObject(at(data.json, 'ci'))) return undefined;
  const ci = partOf(data, 'ci');
  return compact<NonNullable<Facts['ci']>>({
    environment: getString(ci, 'environment'),
    ref: getString(ci, 'ref'),
    ref_protected: getBoolean(ci, 'ref_protected'),
    project_id: getId(ci, 'project_id'),
    project_path: getString(ci, 'project_path'),
    sha: getString(ci, 'sha'),
    runner_id: getId(ci, 'runner_id'),
    image_digest: getString(ci, 'image_digest'),
  });
}

/** A review that was done: of what, with which outcome. Who did it is the actor of the event. */
export function reviewFacts(data: Doc, time: Stamp): Facts['review'] {
  const review = partOf(data, 'review');
  const subjectType = getString(review, 'subject_type');
  const subjectId = getId(review, 'subject_id');
  if (subjectType === undefined || subjectId === undefined) return undefined;
  return compact<NonNullable<Facts['review']>>({
    subject_type: subjectType,
    subject_id: subjectId,
    outcome: getString(review, 'outcome'),
    at: getStamp(review, 'reviewed_at')?.at ?? time.at,
  });
}

const MODES = ['human', 'policy', 'pre_approved', 'break_glass'] as const;

function modeOf(approval: Doc): Decision['mode'] {
  const mode = getString(approval, 'mode');
  const known = MODES.find((name) => name === mode);
  if (mode !== undefined && !known) note(approval, 'mode');
  return known;
}
