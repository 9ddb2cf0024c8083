import { createHash } from 'node:crypto';
import type { ActorRef } from '../../model/actor.ts';
import type { Outcome } from '../../model/action.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { decimalId, keyOf, normaliseHost } from '../../model/key.ts';
import { emailKey, idpUserKey, ipKey, tokenHashKey } from '../../model/keys.ts';
import type { Family } from '../../model/source.ts';
import type { Stamp } from '../../model/time.ts';
import { parseStamp, stampFromMillis } from '../../model/time.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { addKey, compact, openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { githubAction } from './github-action.ts';
import { emailOf } from './gitlab.ts';
import { at, fault, getId, getMicros, getString, isObject, needString, openDoc, refusalOf } from './read.ts';
import type { Doc } from './read.ts';

const FAMILY: Family = 'github.audit';

const REDACT: readonly RedactionRule[] = [
  ...['config', 'data', 'old_config', 'config_was'].flatMap((name): RedactionRule[] => [
    { path: [name, 'secret'], rule: 'secret' },
    { path: [name, 'url'], rule: 'query', part: 'query' },
  ]),
  ...['url', 'referrer', 'request_uri'].map((name): RedactionRule => ({ path: [name], rule: 'query', part: 'query' })),
  ...['query_string', 'request_body', 'explanation', 'oauth_application_secret'].map((name): RedactionRule => ({
    path: [name],
    rule: 'free_text',
  })),
];

/**
 * GitHub's audit log of an organisation or enterprise: streamed, exported, or from the REST API; all write the same flat
 * objects. Known by `_document_id`. The log tells who and on what, not how it ended: what is refused is not in it, save
 * in names (`user.failed_login`) and conclusions of workflow runs.
 */
export const githubAudit: SourceAdapter = {
  source: 'github.audit',
  family: FAMILY,
  containers: [[]],
  redact: REDACT,
  parse: parseAudit,
};

interface Entry {
  readonly doc: Doc;
  readonly host: string;
  readonly draft: Draft;
  readonly type: string;
}

function parseAudit(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const doc = openDoc(input.json);
  const host = normaliseHost(input.instance);
  if (host === undefined) fault(doc, 'missing_required_fields', ['instance']);
  const entry: Entry = { doc, host: host ?? '', draft: openDraft(), type: needString(doc, 'action') };
  const occurred = timeOf(doc);
  const refused = refusalOf(doc);
  if (refused || !occurred) return refused ?? refuse('missing_required_fields', '@timestamp');
  const action = githubAction(entry.type);
  const actor = actorOf(entry);
  addPlaces(entry);
  const credential = addToken(entry);
  const id =
    getId(doc, '_document_id') ?? createHash('sha256').update(canonicalJson(doc.json)).digest('hex').slice(0, 32);
  const event = compact<AuditEvent>({
    family: FAMILY,
    source: 'github.audit',
    instance: entry.host,
    nativeId: id,
    dedupeKey: id,
    type: entry.type,
    occurred,
    action,
    outcome: outcomeOf(entry),
    outcomeCode: getString(doc, 'conclusion'),
    actor,
    credential,
    resource: resourceOf(entry),
    environment: getString(doc, 'environment_name') ?? getString(doc, 'environment'),
    sourceIp: getString(doc, 'actor_ip') || undefined,
    userAgent: getString(doc, 'user_agent') || undefined,
    keys: entry.draft.keys,
    edges: entry.draft.edges,
    facts: factsOf(entry),
    unread: doc.notes.unread,
    content: doc.json,
  });
  return { ok: true, events: [event] };
}

// Milliseconds, as a number; exports to tables write text without a zone, and GitHub knows no zone but UTC.
function timeOf(doc: Doc): Stamp | undefined {
  const name = ['@timestamp', 'created_at'].find(
    (one) => at(doc.json, one) !== undefined && at(doc.json, one) !== null,
  );
  if (name === undefined) {
    fault(doc, 'missing_required_fields', ['@timestamp']);
    return undefined;
  }
  const value = at(doc.json, name);
  const text = typeof value === 'string' ? (parseStamp(value) ?? parseStamp(`${value}Z`)) : undefined;
  const stamp = typeof value === 'number' ? stampFromMillis(value) : text;
  if (!stamp)
    fault(doc, typeof value === 'number' || typeof value === 'string' ? 'bad_timestamp' : 'wrong_type', [name]);
  return stamp;
}

function flag(doc: Doc, name: string): boolean {
  const value = at(doc.json, name);
  return value === true || (typeof value === 'string' && value.toLowerCase() === 'true');
}

// By number: names at GitHub change hands. What the identity provider calls the person is an alias that GitHub vouches for.
function actorOf({ doc, host, draft }: Entry): ActorRef {
  const name = getString(doc, 'actor') || undefined;
  const key = addKey(draft, keyOf('github:user', host, decimalId(at(doc.json, 'actor_id'))), 'actor', 'actor_id');
  const nameId = getString(doc, 'external_identity_nameid');
  const alias = idpUserKey(getString(doc, 'issuer'), nameId);
  addKey(draft, alias, 'actor', 'external_identity_nameid');
  addKey(draft, emailKey(nameId), 'actor', 'external_identity_nameid', 'asserted');
  const isBot = flag(doc, 'actor_is_bot') || name?.endsWith('[bot]') === true;
  const kind = flag(doc, 'actor_is_agent')
    ? 'ai_agent'
    : isBot
      ? 'service'
      : key || name !== undefined
        ? 'human'
        : 'unknown';
  return compact<ActorRef>({
    kind,
    key: key?.key ?? '',
    display: name,
    email: kind === 'human' ? emailOf(nameId) : undefined,
    aliases: alias ? [alias.key] : undefined,
  });
}

function addPlaces({ doc, host, draft, type }: Entry): void {
  addKey(draft, keyOf('github:user', host, decimalId(at(doc.json, 'user_id'))), 'target', 'user_id');
  const org = at(doc.json, 'org_id');
  addKey(draft, keyOf('github:org', host, decimalId(org)), 'place', 'org_id');
  const repo = at(doc.json, 'repo_id') ?? at(doc.json, 'repository_id');
  addKey(draft, keyOf('github:repo', host, decimalId(repo)), 'place', 'repo_id');
  addKey(draft, ipKey(getString(doc, 'actor_ip')), 'place', 'actor_ip');
  const run = keyOf('github:run', host, decimalId(at(doc.json, 'workflow_run_id')));
  addKey(draft, run, type === 'workflows.created_workflow_run' ? 'creates' : 'subject', 'workflow_run_id');
}

// `hashed_token` is the SHA-256 of the token in base64. The token of a workflow lives as long as its job: one flow. Others
// live for months: a hub.
function addToken({ doc, host, draft }: Entry): AuditEvent['credential'] {
  const hashed = getString(doc, 'hashed_token');
  const access = getString(doc, 'programmatic_access_type');
  const hub = addKey(draft, keyOf('github:token', host, hashed), 'place', 'hashed_token');
  const hex = hashed === undefined ? '' : Buffer.from(hashed, 'base64').toString('hex');
  const isShort = access !== undefined && /server-to-server/i.test(access);
  const token = isShort ? addKey(draft, tokenHashKey(hex), 'uses', 'hashed_token') : undefined;
  const key = token ?? hub;
  return key && { kind: access ?? 'token', key: key.key };
}

function outcomeOf({ doc, type }: Entry): Outcome {
  const conclusion = getString(doc, 'conclusion');
  if (conclusion !== undefined) return conclusion === 'success' || conclusion === 'skipped' ? 'success' : 'failure';
  if (/failed/.test(type)) return 'failure';
  return /denied|rejected|^workflows\.reject/.test(type) ? 'denied' : 'success';
}

function resourceOf({ doc, host }: Entry): AuditEvent['resource'] {
  const repo = getString(doc, 'repo') || getString(doc, 'repository') || undefined;
  const org = getString(doc, 'org') || getString(doc, 'business') || undefined;
  const id = decimalId(at(doc.json, 'repo_id') ?? at(doc.json, 'repository_id'));
  if (repo !== undefined) return { type: 'repository', key: `github://${host}/repo/${id ?? repo}`, display: repo };
  return org === undefined
    ? undefined
    : { type: 'organization', key: `github://${host}/org/${decimalId(at(doc.json, 'org_id')) ?? org}`, display: org };
}

function factsOf(entry: Entry): Facts {
  const { doc, type, host } = entry;
  const action = githubAction(type);
  const user = keyOf('github:user', host, decimalId(at(doc.json, 'user_id')));
  const isMember =
    action === 'member.change' ||
    action.startsWith('group.member.') ||
    action === 'access.grant' ||
    action === 'access.revoke';
  return compact<Facts>({
    pipeline: action.startsWith('pipeline.') ? pipelineOf(doc, action) : undefined,
    call:
      action === 'repo.read' || action === 'repo.write'
        ? { service: 'github', operation: type, write: action === 'repo.write' }
        : undefined,
    member:
      isMember && user
        ? compact<NonNullable<Facts['member']>>({
            member: user.key,
            group: getString(doc, 'team') ?? getString(doc, 'repo') ?? getString(doc, 'org'),
            access: permissionOf(doc),
          })
        : undefined,
    findings:
      type === 'protected_branch.policy_override'
        ? [{ kind: 'protection_overridden', detail: 'Branch protection was overridden.' }]
        : undefined,
  });
}

// A name of a permission; for switches of the organisation it is true or false.
function permissionOf(doc: Doc): string | undefined {
  const value = at(doc.json, 'permission');
  return typeof value === 'string' ? value : undefined;
}

function pipelineOf(doc: Doc, action: string): NonNullable<Facts['pipeline']> {
  return compact<NonNullable<Facts['pipeline']>>({
    status: getString(doc, 'conclusion') ?? (action === 'pipeline.create' ? 'created' : 'running'),
    source: getString(doc, 'event'),
    ref: getString(doc, 'head_branch'),
    sha: getString(doc, 'head_sha'),
    project_path: getString(doc, 'repo'),
    finished_at: getMicros(doc, 'completed_at'),
  });
}
