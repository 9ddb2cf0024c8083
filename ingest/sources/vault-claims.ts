import type { Facts } from '../../model/facts.ts';
import { identifier, normaliseHost, normaliseIssuer } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { gitlabKey, tokenKey } from '../../model/keys.ts';
import type { PolicySource } from '../../model/policy.ts';
import { addEdge, addKey } from './draft.ts';
import type { Draft } from './draft.ts';
import { at, isObject, partOf } from './read.ts';
import type { Doc } from './read.ts';

/** What the metadata of a token claims of its origin: mapped from a signed token at a login, or written by its maker. */
interface Claims {
  readonly token?: Key;
  readonly parentToken?: Key;
  readonly job?: Key;
  readonly pipeline?: Key;
  readonly project?: Key;
  readonly user?: Key;
}

/**
 * At a login the server itself copied the claims of the verified token: they are exact, and the only proof of where the
 * token came from (E13b, E21; sources.md 1.10.1, "Metadata is not proof").
 */
export function addBirthClaims(draft: Draft, entry: Doc, settings: PolicySource | undefined, born: Key): void {
  const claims = readClaims(partOf(entry, 'auth', 'metadata'), settings);
  const { token, parentToken, job, pipeline } = claims;
  addKey(draft, token, 'uses', 'auth.metadata.jti');
  addKey(draft, job, 'uses', 'auth.metadata.gitlab_job_id');
  addKey(draft, pipeline, 'uses', 'auth.metadata.gitlab_pipeline_id');
  addKey(draft, claims.project, 'place', 'auth.metadata.gitlab_project_id');
  addKey(draft, claims.user, 'mentions', 'auth.metadata.gitlab_user_id');
  addEdge(draft, pipeline, job, { relation: 'contains', rule: 'E10' });
  addEdge(draft, job, token, { relation: 'issued_to', rule: 'E13' });
  addEdge(draft, token ?? job, born, { relation: 'login', rule: 'E21' });
  // The broker names the token that it exchanged; that it came from the GitLab of the job is the operator's word.
  addKey(draft, parentToken, 'mentions', 'auth.metadata.parent_jti', 'asserted');
  addEdge(draft, parentToken, token, { relation: 'exchanged', rule: 'E14', confidence: 'asserted' });
}

/** In any later entry the same words are the maker's: named for search and for the walk to compare, never an edge. */
export function mentionClaims(draft: Draft, entry: Doc, settings: PolicySource | undefined): void {
  const metadata = at(entry.json, 'auth', 'metadata');
  if (!isObject(metadata)) return;
  const { token, job, pipeline } = readClaims(partOf(entry, 'auth', 'metadata'), settings);
  addKey(draft, token, 'mentions', 'auth.metadata.jti', 'asserted');
  addKey(draft, job, 'mentions', 'auth.metadata.gitlab_job_id', 'asserted');
  addKey(draft, pipeline, 'mentions', 'auth.metadata.gitlab_pipeline_id', 'asserted');
}

const CLAIM_NAMES = ['jti', 'iss', 'gitlab_job_id', 'job_id', 'gitlab_pipeline_id', 'pipeline_id', 'sub'];

/**
 * A child token whose metadata claims another origin than its maker's: a finding. Its maker wrote them, whatever they
 * say; the same as the maker's own are no lie.
 */
export function forgedMetadata(entry: Doc): NonNullable<Facts['findings']> {
  const own = at(entry.json, 'auth', 'metadata');
  const child = at(entry.json, 'response', 'auth', 'metadata');
  if (!isObject(child)) return [];
  const differing = CLAIM_NAMES.filter((name) => {
    const claimed = textOf(child, name);
    return claimed !== undefined && claimed !== textOf(own, name);
  });
  if (differing.length === 0) return [];
  return [
    {
      kind: 'forged_metadata',
      detail: `a token was made with metadata of its maker's choice: ${differing.join(', ')}`,
    },
  ];
}

/** Whether the metadata names a job: then a machine acts, whoever is named beside it. */
export function namesJob(entry: Doc): boolean {
  const metadata = at(entry.json, 'auth', 'metadata');
  return textOf(metadata, 'gitlab_job_id') !== undefined || textOf(metadata, 'job_id') !== undefined;
}

// The names that sources.md 1.10 recommends, and the claims' own names. Newer servers may put no text there.
function readClaims(metadata: Doc, settings: PolicySource | undefined): Claims {
  const read = (...names: readonly string[]): string | undefined =>
    names.map((name) => textOf(metadata.json, name)).find((value) => value !== undefined);
  const iss = normaliseIssuer(read('iss') ?? settings?.jwt_issuer);
  const host = settings?.gitlab_host ?? normaliseHost(iss);
  const token = tokenKey(iss, read('jti'));
  const parentIss = host === undefined || normaliseHost(iss) === host ? undefined : `https://${host}`;
  const parentToken = tokenKey(parentIss, read('parent_jti'));
  const job = gitlabKey('gitlab:job', host, read('gitlab_job_id', 'job_id'));
  const pipeline = gitlabKey('gitlab:pipeline', host, read('gitlab_pipeline_id', 'pipeline_id'));
  const project = gitlabKey('gitlab:project', host, read('gitlab_project_id', 'project_id'));
  const user = gitlabKey('gitlab:user', host, read('gitlab_user_id', 'user_id'));
  return {
    ...(token && { token }),
    ...(parentToken && { parentToken }),
    ...(job && { job }),
    ...(pipeline && { pipeline }),
    ...(project && { project }),
    ...(user && { user }),
  };
}

function textOf(metadata: unknown, name: string): string | undefined {
  const value = at(metadata, name);
  return typeof value === 'string' || typeof value === 'number' ? identifier(value) : undefined;
}
