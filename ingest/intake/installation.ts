import { normaliseHost } from '../../model/key.ts';
import type { Policy } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';
import { familyOf } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import { at } from '../sources/read.ts';
import type { Sender } from './credentials.ts';
import { unauthenticated } from './credentials.ts';
import { doorFault } from './door-fault.ts';
import type { Headers } from './signature.ts';

/**
 * Which installation a delivery is from: one for all its records, or told by each record, with what holds where a
 * record does not tell. The installation is part of an event's identity, so it must not depend on the way it came.
 */
export type Installation =
  | { readonly fixed: string }
  | { readonly byRecord: true; readonly among?: readonly string[]; readonly fallback: string };

// CloudEvents name their source and CloudTrail its account in each event, whatever brought them here.
const TELLS_ITSELF: readonly Source[] = ['issuer.cloudevents', 'aws.cloudtrail'];

/**
 * The installation of a pushed delivery: what the credential is for. `asked` is the caller's own word, which must be
 * one of those; it is needed only where one credential serves several installations.
 */
export function installationOfPush(
  source: Source,
  senders: readonly Sender[],
  asked: string | undefined,
  headers: Headers,
): Installation {
  const known = [...new Set(senders.map(({ installation }) => installation.instance))];
  if (asked !== undefined && !known.includes(asked)) throw unauthenticated();
  const among = asked === undefined ? known : [asked];
  const [first = '', ...others] = among;
  // An issuer's events are held to its sources by the contract, with reasons of its own.
  if (source === 'issuer.cloudevents') return { byRecord: true, fallback: first };
  if (source === 'aws.cloudtrail') return { byRecord: true, among, fallback: first };
  if (others.length === 0) return { fixed: first };
  const host = source === 'gitlab.webhook' ? normaliseHost(headers['x-gitlab-instance']) : undefined;
  if (host !== undefined && known.includes(host)) return { fixed: host };
  throw new Problem('invalid_request', 'This credential is for several installations. Name one: ?instance=NAME', {
    path: 'instance',
  });
}

/**
 * The installation of what a connector or an operator brought. `said` is what the caller, the path or the headers say;
 * then what the records say, where they always do; then the only registered installation of the family.
 */
export function installationOfFetch(
  policy: Policy,
  source: Source,
  said: string | undefined,
  asked?: string,
): Installation {
  if (asked !== undefined && source !== 'issuer.cloudevents') return { fixed: asked };
  const registered = policy.sources.filter(({ family }) => family === familyOf(source)).map(({ instance }) => instance);
  const only = registered.length === 1 ? registered[0] : undefined;
  if (TELLS_ITSELF.includes(source)) return { byRecord: true, fallback: said ?? only ?? '' };
  if (said !== undefined) return { fixed: said };
  if (only !== undefined) return { fixed: only };
  if (source === 'gitlab.webhook') return { byRecord: true, fallback: '' };
  const names =
    registered.length === 0 ? 'none is registered in the policy file' : `registered are ${registered.join(', ')}`;
  throw new Problem('usage', `Which installation of ${source} is this from? Name it with --instance (${names}).`, {
    path: 'instance',
  });
}

/**
 * The installation of one record, by what it says itself where that is asked. A pushed record that names one which the
 * credential is not for refuses the delivery: otherwise one account could write history for another.
 */
export function instanceOfRecord(source: Source, installation: Installation, json: () => unknown): string {
  if ('fixed' in installation) return installation.fixed;
  const told = TOLD_BY[source]?.(json());
  if (told === undefined) return installation.fallback;
  if (installation.among?.includes(told) === false) {
    throw doorFault('source_not_registered', 'This credential may not speak for the installation that a record names.');
  }
  return told;
}

const TOLD_BY: Partial<Record<Source, (json: unknown) => string | undefined>> = {
  'issuer.cloudevents': (json) => textOf(at(json, 'source')),
  'aws.cloudtrail': (json) =>
    textOf(at(json, 'recipientAccountId')) ??
    textOf(at(json, 'detail', 'recipientAccountId')) ??
    textOf(at(json, 'account')),
  'gitlab.webhook': (json) =>
    normaliseHost(at(json, 'project', 'web_url')) ??
    normaliseHost(at(json, 'repository', 'homepage')) ??
    normaliseHost(at(json, 'object_attributes', 'url')),
};

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 2_048 ? value : undefined;
}
