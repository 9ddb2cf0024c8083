import type { Action, Outcome } from '../../model/action.ts';
import { identifier, keyOf, normaliseHost } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { accessRequestKey, gitlabKey, ipKey, tokenKey } from '../../model/keys.ts';
import { addEdge, addKey } from './draft.ts';
import type { Draft } from './draft.ts';
import type { ParseInput } from './adapter.ts';
import { at, getId, getList, getString, partOf } from './read.ts';
import type { Doc } from './read.ts';

/** One event of Teleport on its way. */
export interface TeleportEvent {
  readonly doc: Doc;
  readonly input: ParseInput;
  readonly cluster: string;
  readonly draft: Draft;
  readonly event: string;
  readonly uid: string;
  readonly action: Action;
  readonly outcome: Outcome;
}

/**
 * Adds the keys of sessions, requests, certificates and bots, and the edges E3, E30 and E31 (sources.md 2.4.1), and
 * gives the key of the certificate that was issued.
 */
export function addTeleportKeys(about: TeleportEvent): Key | undefined {
  const { doc, draft, cluster, event } = about;
  const session = keyOf('teleport:session', cluster, getId(doc, 'sid'));
  addKey(
    draft,
    session,
    event.endsWith('session.start') ? 'creates' : event.endsWith('session.end') ? 'ends' : 'uses',
    'sid',
  );
  addKey(draft, keyOf('teleport:node', cluster, getId(doc, 'server_id')), 'place', 'server_id');
  addKey(draft, ipKey(addressOf(getString(doc, 'addr.remote'))), 'place', 'addr.remote');
  if (event.startsWith('access_request.')) addKey(draft, requestKey(about), requestRole(about.action), 'id');
  if (event === 'bot.join') addJoin(about);
  return event === 'cert.create' ? addCertificate(about) : undefined;
}

/** The address of "host:port" and "[v6]:port". */
export function addressOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([^:]+)(?::\d+)?$/.exec(text)?.[1] ?? text;
}

/** The request that an event is about. */
export function requestKey({ doc, cluster }: TeleportEvent): Key | undefined {
  return accessRequestKey('teleport', cluster, getId(doc, 'id'));
}

function requestRole(action: Action): 'creates' | 'decides' | 'ends' | 'subject' {
  if (action === 'access.request') return 'creates';
  if (action === 'access.approve' || action === 'access.deny') return 'decides';
  return action === 'access.cancel' || action === 'access.expire' ? 'ends' : 'subject';
}

// A certificate made with approved requests (E30). A bot renews its certificate under one instance, which is climbed.
function addCertificate(about: TeleportEvent): Key | undefined {
  const { doc, draft, cluster, uid, outcome } = about;
  if (outcome !== 'success') return undefined;
  const identity = partOf(doc, 'identity');
  const certificate = addKey(draft, keyOf('teleport:cert', cluster, uid), 'creates', 'uid');
  const bot = addKey(draft, botInstance(cluster, identity), 'uses', 'identity.bot_instance_id');
  addEdge(draft, bot, certificate, { relation: 'issued', rule: 'E31' });
  for (const name of ['access_requests', 'active_requests'])
    for (const id of getList(identity, name).slice(0, 50)) {
      const request = accessRequestKey('teleport', cluster, identifier(id));
      addKey(draft, request, 'uses', `identity.${name}[]`);
      addEdge(draft, request, certificate, { relation: 'authorised', rule: 'E30' });
      addEdge(draft, request, bot, { relation: 'authorised', rule: 'E30' });
    }
  return certificate;
}

// A bot that joins with a GitLab ID token: its claims are `attributes`. Newer versions name job and pipeline (E31); where
// they do not, project, ref and time are left for who reads the chain.
function addJoin(about: TeleportEvent): void {
  const { doc, draft, cluster, input, outcome } = about;
  const claims = partOf(doc, 'attributes');
  const bot = addKey(draft, botInstance(cluster, doc), 'creates', 'bot_instance_id');
  if (outcome !== 'success' || getString(doc, 'method') !== 'gitlab') return;
  const host = normaliseHost(getString(claims, 'iss') ?? input.settings?.gitlab_host);
  const job = gitlabKey('gitlab:job', host, at(claims.json, 'job_id'));
  const pipeline = gitlabKey('gitlab:pipeline', host, at(claims.json, 'pipeline_id'));
  addKey(draft, job, 'uses', 'attributes.job_id');
  addKey(draft, pipeline, 'mentions', 'attributes.pipeline_id');
  addKey(draft, gitlabKey('gitlab:project', host, at(claims.json, 'project_id')), 'place', 'attributes.project_id');
  addEdge(draft, pipeline, job, { relation: 'contains', rule: 'E10' });
  addEdge(draft, job, bot, { relation: 'joined', rule: 'E31' });
  const token = tokenKey(getString(claims, 'iss'), getString(claims, 'jti'));
  addKey(draft, token, 'uses', 'attributes.jti');
  addEdge(draft, token, bot, { relation: 'joined', rule: 'E31' });
}

function botInstance(cluster: string, part: Doc): Key | undefined {
  return keyOf('teleport:botinstance', cluster, getId(part, 'bot_instance_id'));
}
