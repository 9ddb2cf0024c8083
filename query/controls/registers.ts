import type { TestId } from '../../model/control.ts';
import { isInForce } from '../../model/policy-inventory.ts';
import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

type Automation = Policy['automation'][number];
type RegisteredException = Policy['exceptions'][number];

/**
 * The registered automation that acted in an event, or undefined. The principal is what the target itself recorded
 * (role or user ARN, Kubernetes user, Vault display name), never what a caller says of himself or whom he impersonates.
 */
export function automationOf(event: StoredEvent, policy: Policy): Automation | undefined {
  const principal = principalOf(event);
  return principal === undefined ? undefined : findAutomation(event, principal, event.occurredAt, policy);
}

/** The registered automation of which a source names an account by its key, at a moment; undefined for all others. */
export function namesAutomation(
  actor: { readonly family: string; readonly instance: string; readonly key: string; readonly at: Micros },
  policy: Policy,
): Automation | undefined {
  const name = actor.key.replace(/^(?:aws:(?:user|role):|k8s:user:[^/]*\/|vault:(?:entity|display):[^/]*\/)/, '');
  return findAutomation(actor, name, actor.at, policy);
}

function findAutomation(
  { family, instance }: { readonly family: string; readonly instance: string },
  principal: string,
  at: Micros,
  policy: Policy,
): Automation | undefined {
  return policy.automation.find((entry) => {
    const { match } = entry;
    if (!isInForce(entry, at) || (match.cluster !== undefined && match.cluster !== instance)) return false;
    switch (family) {
      case 'aws.cloudtrail':
        return sameAwsPrincipal(match.aws_role_arn, principal) || match.aws_user_arn === principal;
      case 'k8s.audit':
        return match.k8s_username === principal || startsWith(principal, match.k8s_username_prefix);
      case 'vault.audit':
        return match.vault_display_name === principal;
      default:
        return false;
    }
  });
}

/** The entry of the exception register that covers a principal at a moment, for one test: `from <= at < to`. */
export function exceptionFor(test: TestId, event: StoredEvent, policy: Policy): RegisteredException | undefined {
  return registered(test, event, policy).find((entry) => isInForce(entry, event.occurredAt));
}

/** When the last exception of this principal ended, if one did before: it explains an exception, it does not excuse it. */
export function endedExceptionFor(test: TestId, event: StoredEvent, policy: Policy): Micros | undefined {
  const ends = registered(test, event, policy).flatMap((entry) => entry.to ?? []);
  const past = ends.filter((end) => end <= event.occurredAt);
  return past.length === 0 ? undefined : Math.max(...past);
}

/** The principal as the target recorded it; undefined where it recorded none (a refused login). */
export function principalOf(event: StoredEvent): string | undefined {
  return (
    event.facts.call?.principal ??
    (event.actor.key === '' ? undefined : event.actor.key.replace(/^aws:(?:user|role):/, ''))
  );
}

function registered(test: TestId, event: StoredEvent, policy: Policy): readonly RegisteredException[] {
  const principal = principalOf(event);
  if (principal === undefined) return [];
  return policy.exceptions.filter(
    (entry) => entry.test === test && (entry.principal === principal || sameAwsPrincipal(entry.principal, principal)),
  );
}

function startsWith(text: string, prefix: string | undefined): boolean {
  return prefix !== undefined && prefix !== '' && text.startsWith(prefix);
}

/** A role and a session of it are one principal: "arn:aws:sts::1:assumed-role/r/s" is a session of "arn:aws:iam::1:role/r". */
function sameAwsPrincipal(arn: string | undefined, principal: string): boolean {
  if (arn === undefined) return false;
  if (arn === principal) return true;
  const role = /^arn:([a-z-]+):iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(arn);
  const session = /^arn:([a-z-]+):sts::(\d{12}):assumed-role\/([^/]+)(?:\/|$)/.exec(principal);
  return role !== null && session !== null && [1, 2, 3].every((part) => role[part] === session[part]);
}
