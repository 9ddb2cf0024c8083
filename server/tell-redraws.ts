import type { SelfLog } from '../ingest/self-log.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import type { DrawnPlan } from '../reports/draws.ts';
import type { Principal } from './authorize.ts';
import { actorOf } from './principal-actor.ts';

const MAX_OBJECT = 512;

/** Tells our own log who has samples drawn anew, of what, how and why: durable before they are drawn. */
export function tellRedraws(
  self: Pick<SelfLog, 'tell'>,
): (caller: Pick<Principal, 'subject' | 'issuer'>, draw: DrawnPlan) => Promise<void> {
  return async (caller, { framework, from, to, plan, reason }) => {
    const { kind, key, display } = actorOf(caller);
    const object = `samples of ${framework}, ${from} to ${to}, drawn again: ${canonicalJson(plan)}`;
    await self.tell({
      type: 'evidence.accessed',
      actor: { kind, key, ...(display === undefined ? {} : { display }) },
      access: {
        action: 'query',
        object: object.slice(0, MAX_OBJECT),
        allowed: true,
        ...(reason === undefined ? {} : { purpose: reason }),
      },
    });
  };
}
