import type { AuditEvent } from '../../model/event.ts';
import { normaliseHost } from '../../model/key.ts';
import type { Policy } from '../../model/policy.ts';
import { DAY_US } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { findReceived } from '../../store/queries/find-received.ts';
import { findUnstreamed } from '../../store/queries/find-unstreamed.ts';
import type { Reader } from '../../store/query.ts';
import { matchKeycloak } from '../sources/keycloak-match.ts';
import { at } from '../sources/read.ts';
import type { DeriveContext } from '../worker/derive.ts';
import { deriveRecord } from '../worker/derive.ts';
import type { RegisteredPoll } from './poll-registry.ts';
import type { Compare } from './poll-service.ts';
import type { PollState } from './poll-state.ts';

export interface CompareDeps extends Pick<DeriveContext, 'adapterFor'> {
  readonly reader: Reader;
  readonly policy: Policy;
  readonly now: () => Micros;
}

const EXAMPLES = 10;
const MOST_RECORDS = 20_000;
// A line of the log may still be with its shipper.
const SETTLED_US = 120_000_000;

/**
 * Compares, after each round, what the two ways of a source tell of the last day: of GitLab the REST API and the stream,
 * of Keycloak the REST API and the log. What only one of them has was lost on the other way, or kept from it.
 */
export function createCompare(deps: CompareDeps): Compare {
  return async (registered) => {
    const { family } = registered.installation;
    if (family === 'gitlab.audit') return compareGitlab(deps, registered);
    return family === 'keycloak' ? compareKeycloak(deps, registered) : undefined;
  };
}

async function compareGitlab(
  { reader, policy, now }: CompareDeps,
  { installation }: RegisteredPoll,
): Promise<PollState['comparison']> {
  // Without a stream there is nothing that could have lost something.
  if (installation.credentials.length === 0) return undefined;
  const at = now();
  const toldBy = Math.floor(at / 1_000) - installation.lateness_s * 1_000;
  const rows = await reader.read(findUnstreamed(policy.tenant, installation.instance, at - DAY_US, at, toldBy));
  return { not_streamed: rows.length, examples: rows.slice(0, EXAMPLES).map((row) => row.native_id) };
}

async function compareKeycloak(
  { reader, policy, adapterFor, now }: CompareDeps,
  { installation }: RegisteredPoll,
): Promise<PollState['comparison']> {
  const until = now() - SETTLED_US;
  const rows = await reader.read(findReceived(policy.tenant, 'keycloak', until - DAY_US, until, MOST_RECORDS));
  const host = normaliseHost(installation.instance);
  // By id, for what came again is told once.
  const log = new Map<string, AuditEvent>();
  const rest = new Map<string, AuditEvent>();
  for (const { headers, value, received_ms: receivedAtMs } of rows) {
    const entries = Object.entries(JSON.parse(headers) as Record<string, string>);
    const input = { headers: new Map(entries), receivedAtMs, value: Buffer.from(value, 'utf8') };
    const derived = deriveRecord(input, { tenant: policy.tenant, policy, adapterFor });
    const event = derived.ok ? derived.events[0]?.event : undefined;
    if (!event || event.instance !== host) continue;
    (/^(?:log|text):/.test(event.nativeId) ? log : rest).set(event.nativeId, event);
  }
  // Without lines of the log there is nothing to compare with.
  if (log.size === 0) return undefined;
  const { pairs, onlyLog, onlyRest } = matchKeycloak([...log.values()], [...rest.values()]);
  // The log tells of all realms and REST of one. A line of an administrator names the realm of the person, not the realm
  // that was changed, so only lines of users can be said to be missing in REST.
  const realms = new Set([...rest.values()].map((event) => at(event.content, 'realmId')));
  const missing = onlyLog.filter((event) => realms.has(at(event.content, 'realmId')));
  return {
    matched: pairs.length,
    only_in_log: missing.length,
    only_in_rest: onlyRest.length,
    examples: [...missing, ...onlyRest].slice(0, EXAMPLES).map((event) => event.nativeId),
  };
}
