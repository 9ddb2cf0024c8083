import { typeOfKey } from '../../model/key.ts';
import type { KeyRole } from '../../model/event.ts';
import type { KeyType } from '../../model/key.ts';
import type { StoredEvent, StoredKey } from '../../store/stored-event.ts';

/**
 * How near a kind of key is to the act itself. An event that names keys of several levels belongs to its chain by the
 * nearest: a call hangs on the credential it used, not on the pipeline that it also names, so that the jobs of one
 * pipeline stay apart.
 */
const LEVELS: Partial<Record<KeyType, number>> = {
  'token:jti': 4,
  'token:sha256': 4,
  'token:uti': 4,
  'aws:accesskey': 4,
  'aws:session': 4,
  'aws:awstoken': 4,
  'aws:saml': 4,
  'vault:accessor': 4,
  'vault:accessor-hmac': 4,
  'vault:token-hmac': 4,
  'vault:lease': 4,
  'vault:wrap': 4,
  'vault:wrap-token-hmac': 4,
  'k8s:credential-id': 4,
  'k8s:pod': 4,
  'hoop:session': 4,
  'teleport:session': 4,
  'teleport:cert': 4,
  'teleport:botinstance': 4,
  'gitlab:job': 3,
  'gitlab:deployment': 2,
  'gitlab:pipeline': 1,
  'github:run': 1,
  'gitlab:mr': 1,
};

/** Kinds of key that stand for something one can act with, as a chain lists them. */
const CREDENTIALS: ReadonlySet<string> = new Set<KeyType>([
  'token:jti',
  'token:sha256',
  'token:uti',
  'aws:accesskey',
  'aws:session',
  'aws:awstoken',
  'vault:accessor',
  'vault:accessor-hmac',
  'vault:lease',
  'vault:wrap',
  'k8s:credential-id',
  'hoop:session',
  'teleport:cert',
]);

const FLOW_ROLES: ReadonlySet<KeyRole> = new Set(['subject', 'decides', 'uses', 'creates', 'ends']);

/** Level of a key: 4 credential, 3 job, 2 deployment, 1 pipeline, 0 request and whatever else is a chain key. */
export function levelOf(key: string): number {
  const type = typeOfKey(key);
  return (type === undefined ? undefined : LEVELS[type]) ?? 0;
}

/** Whether a key stands for a credential. */
export function isCredentialKey(key: string): boolean {
  const type = typeOfKey(key);
  return type !== undefined && CREDENTIALS.has(type);
}

/** Whether a key stands for a job. */
export function isJobKey(key: string): boolean {
  return typeOfKey(key) === 'gitlab:job';
}

/** Whether a key stands for a request for access: what a flow is rooted in if there is one. */
export function isRequestKey(key: string): boolean {
  const type = typeOfKey(key);
  return type === 'access-request' || type === 'hoop:review';
}

/**
 * The keys by which an event is part of a flow. A decision belongs by what it decides. `isContested` names the
 * credentials that two jobs claim: the job that the event itself names stands in their place (sources.md 1.9.1).
 */
export function anchorsOf(event: StoredEvent, isContested: (key: string) => boolean): readonly string[] {
  const keys = event.keys.filter((key) => key.class !== 'hub' && FLOW_ROLES.has(key.role));
  const decided = keys.filter((key) => key.role === 'decides');
  if (decided.length > 0) return unique(decided);
  const contested = keys.some((key) => isContested(key.key));
  const jobs = contested ? event.keys.filter((key) => isJobKey(key.key)) : [];
  if (jobs.length > 0) return unique(jobs);
  // The access key says whose call it is; the name of its session may be borrowed.
  const hasKey = keys.some((key) => key.key.startsWith('aws:accesskey:'));
  const usable = keys.filter(
    (key) => key.class === 'chain' && !isContested(key.key) && !(hasKey && key.key.startsWith('aws:session:')),
  );
  const nearest = Math.max(-1, ...usable.map((key) => levelOf(key.key)));
  return unique(usable.filter((key) => levelOf(key.key) === nearest));
}

function unique(keys: readonly StoredKey[]): readonly string[] {
  return [...new Set(keys.map((key) => key.key))];
}
