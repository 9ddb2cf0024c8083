import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { decisionsOf } from '../../model/facts.ts';
import { isJobKey } from '../chains/levels.ts';
import type { ControlContext } from './control-test.ts';

/** An event after which a credential has no reason any more. */
export interface Ending {
  readonly kind: 'request_withdrawn' | 'job_ended' | 'principal_deactivated';
  readonly event: StoredEvent;
  readonly at: Micros;
}

/** What ended in the period: requests that were withdrawn, jobs that failed or were cancelled, people deactivated. */
export interface Endings {
  /** By key of the request or job, or canonical key of the person; in order of time. */
  of(key: string): readonly Ending[];
}

const remembered = new WeakMap<ControlContext, Endings>();

/** Indexes the endings of the period; made once. */
export function endingsOf(context: ControlContext): Endings {
  const known = remembered.get(context);
  if (known) return known;
  const found = new Map<string, Ending[]>();
  const add = (key: string, ending: Ending): void => {
    const list = found.get(key);
    if (list) list.push(ending);
    else found.set(key, [ending]);
  };
  for (const event of context.graph.events.values()) {
    if (event.disposition !== 'accepted') continue;
    const at = event.facts.job?.finished_at ?? event.occurredAt;
    if (at < context.from || at >= context.to) continue;
    if (event.action === 'job.finish' && event.outcome === 'failure') {
      const job = event.keys.find((key) => isJobKey(key.key) && key.role === 'subject')?.key;
      if (job !== undefined) add(job, { kind: 'job_ended', event, at });
    } else if (isWithdrawal(event)) {
      for (const { key } of event.keys)
        if (key.startsWith('access-request:')) add(key, { kind: 'request_withdrawn', event, at });
    } else if (event.action === 'user.deactivate' && event.outcome === 'success') {
      const user = event.keys.find((key) => key.role === 'target' && key.key.startsWith('idp:user:'))?.key;
      const person = user && (context.identities.personOf(user)?.person ?? user);
      if (person !== undefined) add(person, { kind: 'principal_deactivated', event, at });
    }
  }
  for (const list of found.values()) list.sort((a, b) => a.at - b.at);
  const made: Endings = { of: (key) => found.get(key) ?? [] };
  remembered.set(context, made);
  return made;
}

function isWithdrawal(event: StoredEvent): boolean {
  if (event.outcome !== 'success') return false;
  if (event.action === 'access.cancel' || event.action === 'access.revoke') return true;
  return decisionsOf(event.facts).some(({ decided }) => decided === 'revoked');
}
