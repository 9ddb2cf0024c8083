import { ipKey } from '../../model/keys.ts';
import { isInForce } from '../../model/policy-inventory.ts';
import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

type Runner = Policy['runners'][number];

/** The runners of an id that were in the register at a moment. */
export function runnersOf(policy: Policy, id: string, at: Micros): readonly Runner[] {
  return policy.runners.filter((runner) => runner.id === id && isInForce(runner, at));
}

/**
 * The address from which a call came, in lower case; undefined where the source recorded none. `service` says that it
 * was a service of the provider that called for somebody: its address is not one of whoever holds the credential.
 */
export function addressOf(event: StoredEvent): { readonly address?: string; readonly service: boolean } {
  const service = event.facts.call?.invoked_by !== undefined;
  if (event.sourceIp === undefined) return { service };
  const key = ipKey(event.sourceIp)?.key;
  return key === undefined ? { service: true } : { address: key.slice('ip:'.length), service };
}

/** The network of an address: the one of the runners that leave through it, else the address alone. */
export function networkOf(policy: Policy, address: string, at: Micros): string {
  const runner = policy.runners.find(
    (entry) => isInForce(entry, at) && entry.egress_ips.some((ip) => ip.toLowerCase() === address),
  );
  return runner?.network ?? (runner ? `runner ${runner.id}` : address);
}
