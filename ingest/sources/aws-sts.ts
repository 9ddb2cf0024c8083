import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { awsAccessKey, awsSessionKey, awsSourceIdentityKey, gitlabKey, isRunId, tokenKey } from '../../model/keys.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { providerIssuer } from './aws-identity.ts';
import type { Caller } from './aws-identity.ts';
import { addEdge, addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { at, getNumber, getString, note, partOf } from './read.ts';
import type { Doc } from './read.ts';

/** What a call tells of the session it was made in; also how later calls of a role chain know where it began. */
export interface AwsSession {
  readonly accessKey?: Key;
  readonly session?: Key;
  /** Issuer of the token by which the session began, and the source identity that it was given then. */
  readonly issuer?: string;
  readonly sourceIdentity?: string;
}

/**
 * Adds the keys of the session that made a call. The source identity of a federated session was set by the identity
 * provider's token, cannot be changed (sources.md 2.4.1), and names that token; without the mark of federation nobody
 * says who set it, so it is only mentioned: the access keys tell the chain then.
 */
export function addSession(draft: Draft, record: Doc, account: string): AwsSession {
  const identity = partOf(record, 'userIdentity');
  const context = partOf(identity, 'sessionContext');
  const accessKey = addKey(draft, awsAccessKey(getString(identity, 'accessKeyId')), 'uses', 'userIdentity.accessKeyId');
  const owner = getString(identity, 'accountId') ?? account;
  const isRole = getString(identity, 'type') === 'AssumedRole';
  // Services that act on behalf keep the session but often not its key: then only the name is left (sources.md 4.4).
  const confidence = accessKey ? 'exact' : 'asserted';
  const sessionKey = isRole ? awsSessionKey(owner, getString(identity, 'principalId')) : undefined;
  const session = addKey(draft, sessionKey, 'uses', 'userIdentity.principalId', confidence);
  const issuer = providerIssuer(getString(context, 'webIdFederationData', 'federatedProvider'));
  const sourceIdentity = getString(context, 'sourceIdentity');
  addSourceIdentity(draft, { account: owner, value: sourceIdentity, issuer, field: `${context.where}.sourceIdentity` });
  return compact<AwsSession>({ accessKey, session, issuer, sourceIdentity });
}

interface SourceIdentity {
  readonly account: string;
  readonly value: string | undefined;
  readonly issuer: string | undefined;
  readonly field: string;
}

function addSourceIdentity(draft: Draft, from: SourceIdentity): Key | undefined {
  const { account, value, issuer, field } = from;
  const role = issuer === undefined ? 'mentions' : 'uses';
  addKey(draft, awsSourceIdentityKey(account, value), role, field, issuer === undefined ? 'asserted' : 'exact');
  if (issuer === undefined || value === undefined || !isRunId(value)) return undefined;
  return addKey(draft, tokenKey(issuer, value), 'uses', field);
}

/**
 * Adds the credential that a successful call to STS made, with the edges that lead to it: E15 to E20 and E34 of
 * sources.md 2.4.1. Gives the facts of its life.
 */
export function addIssued(
  draft: Draft,
  record: Doc,
  held: {
    readonly caller: Caller;
    readonly session: AwsSession;
    readonly gitlabHost: string | undefined;
    readonly time: Micros;
  },
): Facts['credential'] {
  const request = partOf(record, 'requestParameters');
  const response = partOf(record, 'responseElements');
  const made = awsAccessKey(getString(response, 'credentials', 'accessKeyId'));
  const accessKey = addKey(draft, made, 'creates', 'responseElements.credentials.accessKeyId');
  const arn = getString(response, 'assumedRoleUser', 'arn') ?? getString(response, 'federatedUser', 'arn');
  const role = getString(request, 'roleArn');
  const account = accountOf(arn) ?? accountOf(role);
  const sessionKey = awsSessionKey(account, getString(response, 'assumedRoleUser', 'assumedRoleId'));
  const session = addKey(draft, sessionKey, 'creates', 'responseElements.assumedRoleUser.assumedRoleId');
  addKey(draft, keyOf('aws:role', undefined, role), 'target', 'requestParameters.roleArn');
  if (session?.class === 'chain') addEdge(draft, session, accessKey, { relation: 'issued', rule: 'E18' });
  addChained(draft, held.session.accessKey, accessKey, held.caller);
  addFederated(draft, record, accessKey, session, held.gitlabHost);
  const saml = keyOf('aws:saml', undefined, getString(request, 'sAMLAssertionID'));
  addKey(draft, saml, 'uses', 'requestParameters.sAMLAssertionID');
  addEdge(draft, saml, accessKey, { relation: 'assumed', rule: 'E20' });
  const ownToken = keyOf('aws:awstoken', undefined, getString(response, 'webIdentityTokenId'));
  addKey(draft, ownToken, 'creates', 'responseElements.webIdentityTokenId');
  addChained(draft, held.session.accessKey, ownToken, held.caller);
  const key = accessKey ?? ownToken;
  if (!key) return undefined;
  return compact<NonNullable<Facts['credential']>>({
    key: key.key,
    issued_at: held.time,
    expires_at: expiry(record, held.time),
    target: role,
    target_account: account,
    method: methodOf(record),
  });
}

// A long-lived key is a hub, and a hub is no parent: a chain would lead into everything that it ever did.
function addChained(draft: Draft, parent: Key | undefined, child: Key | undefined, caller: Caller): void {
  if (parent?.class !== 'chain') return;
  const principal = caller.principalKey?.key;
  addEdge(draft, parent, child, {
    relation: 'role_chained',
    rule: 'E19',
    ...(principal !== undefined && { principal }),
  });
}

/** Edges from the token, or from the job that the session name claims, to what AssumeRoleWithWebIdentity made. */
function addFederated(
  draft: Draft,
  record: Doc,
  accessKey: Key | undefined,
  session: Key | undefined,
  gitlabHost: string | undefined,
): void {
  const request = partOf(record, 'requestParameters');
  const awsToken = keyOf('aws:awstoken', undefined, getString(request, 'webIdentityTokenId'));
  addKey(draft, awsToken, 'uses', 'requestParameters.webIdentityTokenId');
  addEdge(draft, awsToken, accessKey, { relation: 'assumed', rule: 'E15' });
  const value = getString(request, 'sourceIdentity') ?? getString(record, 'responseElements', 'sourceIdentity');
  const issuer = issuerOf(record);
  const account = accountOf(getString(request, 'roleArn')) ?? getString(record, 'recipientAccountId') ?? '';
  const token = addSourceIdentity(draft, { account, value, issuer, field: 'requestParameters.sourceIdentity' });
  addEdge(draft, token, accessKey, { relation: 'assumed', rule: 'E15' });
  if (issuer === undefined || !session) return;
  const host = issuer.replace(/^https:\/\//, '');
  // Where the provider is a broker, the name of the session says no GitLab host: only the source identity counts.
  if (gitlabHost === undefined ? token !== undefined : gitlabHost !== host.toLowerCase()) return;
  const name = getString(request, 'roleSessionName') ?? '';
  const jobId = /^gl-\d+-\d+-(\d+)$/.exec(name)?.[1];
  const pipelineId = /^gl-\d+-(\d+)-\d+$/.exec(name)?.[1] ?? /^GitLabRunner-\d+-(\d+)$/.exec(name)?.[1];
  const field = 'requestParameters.roleSessionName';
  const job = addKey(draft, gitlabKey('gitlab:job', host, jobId), 'mentions', field, 'asserted');
  const pipeline = addKey(draft, gitlabKey('gitlab:pipeline', host, pipelineId), 'mentions', field, 'asserted');
  if (job) addEdge(draft, job, session, { relation: 'assumed', rule: 'E16', confidence: 'asserted' });
  else addEdge(draft, pipeline, session, { relation: 'assumed', rule: 'E17', confidence: 'asserted' });
}

/** What the caller says of itself, for corroboration: of the session it asks for, or of the one it is in. */
export function claimsOf(record: Doc, caller: Caller, session: AwsSession): Facts['claimed'] {
  const request = partOf(record, 'requestParameters');
  const subject = getString(record, 'responseElements', 'subjectFromWebIdentityToken');
  const isSts = getString(record, 'eventSource') === 'sts.amazonaws.com';
  const claims = compact<NonNullable<Facts['claimed']>>({
    session_name: isSts ? getString(request, 'roleSessionName') : caller.sessionName,
    subject: subject ?? (issuerOf(record) === undefined ? undefined : getString(record, 'userIdentity', 'userName')),
    provider: issuerOf(record) ?? session.issuer,
    source_identity: (isSts ? getString(request, 'sourceIdentity') : undefined) ?? session.sourceIdentity,
  });
  return Object.keys(claims).length > 0 ? claims : undefined;
}

// Only a call made with a web identity token has a provider of its own; a session names it in its context.
function issuerOf(record: Doc): string | undefined {
  const provider =
    getString(record, 'responseElements', 'provider') ?? getString(record, 'userIdentity', 'identityProvider');
  return getString(record, 'eventName') === 'AssumeRoleWithWebIdentity' ? providerIssuer(provider) : undefined;
}

function methodOf(record: Doc): string {
  const name = getString(record, 'eventName') ?? '';
  if (name === 'AssumeRoleWithWebIdentity') return 'web_identity';
  if (name === 'AssumeRoleWithSAML') return 'saml';
  if (name === 'AssumeRoleForPodIdentity') return 'pod_identity';
  if (name !== 'AssumeRole') return 'session_token';
  return getString(record, 'userIdentity', 'type') === 'AssumedRole' ? 'role_chain' : 'assume_role';
}

function accountOf(arn: string | undefined): string | undefined {
  return arn === undefined ? undefined : /^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):/.exec(arn)?.[1];
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const LOCALE_TIME = /^([A-Z][a-z]{2}) (\d{1,2}), (\d{4}),? (\d{1,2}):(\d{2}):(\d{2})\s(AM|PM)$/;

/** End of a session: as STS wrote it ("Aug 20, 2026, 10:15:41 AM", UTC), else the asked duration after the call. */
function expiry(record: Doc, time: Micros): Micros | undefined {
  const text = getString(record, 'responseElements', 'credentials', 'expiration');
  const stated = text === undefined ? undefined : (parseStamp(text)?.at ?? parseLocaleTime(text));
  if (text !== undefined && stated === undefined) note(record, 'responseElements', 'credentials', 'expiration');
  if (stated !== undefined) return stated;
  if (at(record.json, 'requestParameters', 'durationSeconds') === undefined) return undefined;
  const seconds = getNumber(record, 'requestParameters', 'durationSeconds');
  return seconds === undefined || seconds <= 0 || seconds > 129_600
    ? undefined
    : time + Math.round(seconds) * 1_000_000;
}

/** Reads the locale form in which STS writes a time, as UTC microseconds; undefined if it is no such time. */
export function parseLocaleTime(text: string): Micros | undefined {
  const found = LOCALE_TIME.exec(text);
  if (!found) return undefined;
  const month = MONTHS.indexOf(found[1] ?? '') + 1;
  const hour = (Number(found[4]) % 12) + (found[7] === 'PM' ? 12 : 0);
  if (month === 0 || Number(found[4]) > 12) return undefined;
  const two = (value: number | string | undefined): string => String(value).padStart(2, '0');
  return parseStamp(`${found[3]}-${two(month)}-${two(found[2])}T${two(hour)}:${found[5]}:${found[6]}Z`)?.at;
}
