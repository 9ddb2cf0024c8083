import type { StoredEvent } from '../../store/stored-event.ts';
import type { Rules } from './rules.ts';
import type { Flow } from './walk-flow.ts';

/**
 * What a flow touched: calls on resources and uses of a token, whatever came of them; not logins, STS calls or paths
 * that the policy says are no resource. Several entries of one request are one touch, told by the last of them, since
 * only the answer says what happened.
 */
export function findTouches(flow: Flow, rules: Rules): readonly StoredEvent[] {
  const touches = flow.events.filter((event) => isTouch(event, rules));
  const best = new Map<string, StoredEvent>();
  for (const event of touches) {
    const id = requestOf(event);
    const held = best.get(id);
    if (held === undefined || entryRank(event) > entryRank(held)) best.set(id, event);
  }
  const kept = new Set([...best.values()].map((event) => event.ref));
  return touches.filter((event) => kept.has(event.ref));
}

/** Whether an event is a touch of a resource by a credential. */
export function isTouch(event: StoredEvent, rules: Rules): boolean {
  if (event.stage !== 'touch' || event.action === 'exec.session.end' || event.facts.call?.login === true) return false;
  return !isNoResource(event, rules);
}

// Vault's `auth/` and `sys/` paths are logins and upkeep, unless the policy names others.
function isNoResource(event: StoredEvent, rules: Rules): boolean {
  if (event.family !== 'vault.audit' || event.resource === undefined) return false;
  const patterns = rules.noResource.get(event.instance) ?? rules.noResourceByDefault;
  const prefix = `vault:path:${event.instance}/`;
  const { key } = event.resource;
  const path = key.startsWith(prefix) ? key.slice(prefix.length) : key;
  return patterns.some((pattern) => pattern.test(path));
}

function requestOf(event: StoredEvent): string {
  const key = event.keys.find((one) => one.key.startsWith('vault:request:') || one.key.startsWith('k8s:request:'));
  return key?.key ?? event.ref;
}

// The later entry of one request; for Kubernetes the stages in their order.
function entryRank(event: StoredEvent): number {
  const stages = ['request', 'RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic', 'response'];
  return stages.findIndex((stage) => event.nativeId.split('@')[0]?.endsWith(`:${stage}`) ?? false);
}
