import type { Action, Outcome } from '../../model/action.ts';
import { at, getList, getNumber, getString, isObject } from './read.ts';
import type { Doc } from './read.ts';

/** What a request to the API server was for, and how it ended (sources.md 1.9, 1.9.1, 2.6). */
export interface K8sRequest {
  readonly verb: string;
  readonly action: Action;
  readonly outcome: Outcome;
  readonly code?: number;
  readonly write: boolean;
  readonly dryRun: boolean;
  /** `secrets`, `pods/exec`, or the path of a URL that is no resource. */
  readonly resource: string;
  /** `<group>/<resource>/<namespace>/<name>`; the nameless group is `core`, other empty parts are left out. */
  readonly path: string;
  readonly display: string;
  /** An entry that is not the last word on its request: what it was about is told again when it ends. */
  readonly early: boolean;
}

const READS = new Set(['get', 'list', 'watch', 'head', 'options']);
const WRITES: ReadonlyMap<string, Action> = new Map([
  ['create', 'api.create'],
  ['post', 'api.create'],
  ['update', 'api.update'],
  ['put', 'api.update'],
  ['patch', 'api.update'],
  ['delete', 'api.delete'],
  ['deletecollection', 'api.delete'],
]);
const SESSIONS = new Set(['exec', 'attach', 'portforward', 'proxy']);
// Asking whether something is allowed, or whose a token is, is a `create` that changes nothing.
const QUESTIONS =
  /^(?:tokenreviews|(?:self|local)?subject(?:access|rules)reviews|selfsubjectreviews|selfsubjectrulesreviews)$/;

/** Reads what one entry says of its request. */
export function readRequest(event: Doc, stage: string): K8sRequest {
  const verb = (getString(event, 'verb') ?? '').toLowerCase();
  const resource = getString(event, 'objectRef', 'resource') ?? '';
  const subresource = getString(event, 'objectRef', 'subresource');
  const code = getNumber(event, 'responseStatus', 'code');
  const isSession = subresource !== undefined && SESSIONS.has(subresource);
  const long = isSession || verb === 'watch' || stage !== 'ResponseStarted';
  const refused = code !== undefined && code >= 400;
  const counts =
    stage === 'ResponseComplete' || stage === 'Panic' || (stage === 'ResponseStarted' && (long || refused));
  return {
    verb,
    // An entry before the answer says nothing that the next will not say; it is kept, but it is no touch.
    action: counts ? actionOf(verb, resource, isSession) : 'other',
    outcome: outcomeOf(stage, code),
    ...(code !== undefined && { code }),
    write: isSession || (!READS.has(verb) && verb !== '' && !QUESTIONS.test(resource)),
    dryRun: isDryRun(event),
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    ...placeOf(event, resource, subresource),
    early: stage === 'RequestReceived' || (stage === 'ResponseStarted' && !refused),
  };
}

function actionOf(verb: string, resource: string, isSession: boolean): Action {
  if (isSession) return 'exec.session.start';
  if (QUESTIONS.test(resource)) return 'api.read';
  if (resource === 'secrets') {
    if (verb === 'list' || verb === 'watch') return 'secret.list';
    if (READS.has(verb)) return 'secret.read';
    return WRITES.get(verb) === 'api.delete' ? 'secret.delete' : 'secret.write';
  }
  return READS.has(verb) ? 'api.read' : (WRITES.get(verb) ?? 'api.update');
}

// 401 and 403 are refusals, of the token or of the right; an admission refusal is a 403 too (1.9.1, Outcome).
function outcomeOf(stage: string, code: number | undefined): Outcome {
  if (stage === 'RequestReceived') return 'pending';
  if (stage === 'Panic') return 'failure';
  if (code === undefined) return 'unknown';
  if (code === 401 || code === 403) return 'denied';
  return code >= 400 ? 'failure' : 'success';
}

// The URL says it, or the body of a delete, where the level shows the body.
function isDryRun(event: Doc): boolean {
  const uri = getString(event, 'requestURI') ?? '';
  const query = uri.includes('?') ? uri.slice(uri.indexOf('?') + 1) : '';
  if (query.split('&').some((part) => part === 'dryRun=All')) return true;
  const body = at(event.json, 'requestObject');
  if (!isObject(body) || body['kind'] !== 'DeleteOptions') return false;
  return getList(event, 'requestObject', 'dryRun').includes('All');
}

function placeOf(event: Doc, resource: string, subresource: string | undefined): { path: string; display: string } {
  if (resource === '') {
    const uri = (getString(event, 'requestURI') ?? '').split('?')[0] ?? '';
    return { path: `nonresource${uri}`, display: uri };
  }
  const group = getString(event, 'objectRef', 'apiGroup') || 'core';
  const namespace = getString(event, 'objectRef', 'namespace');
  const name = getString(event, 'objectRef', 'name');
  const parts = [group, subresource === undefined ? resource : `${resource}/${subresource}`, namespace, name];
  const display = [namespace, subresource === undefined ? resource : `${resource}/${subresource}`, name];
  const filled = (list: readonly (string | undefined)[]): string =>
    list.filter((part) => part !== undefined && part !== '').join('/');
  return { path: filled(parts), display: filled(display) };
}
