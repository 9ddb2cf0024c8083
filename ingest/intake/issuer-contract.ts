import { normaliseIssuer } from '../../model/key.ts';
import { isIdentityEventType } from '../../model/identity-event.ts';
import { boundFaultOf, breachesOf } from '../../model/token-contract.ts';
import { TOKEN_BOUNDS } from '../../model/token-event.ts';
import type { Reason } from '../../model/reason.ts';
import { envelopeOf } from '../sources/issuer-cloudevents.ts';
import { at } from '../sources/read.ts';
import type { Sender } from './credentials.ts';
import { doorFaultFor } from './door-fault.ts';
import { parsed } from './prepare.ts';
import type { Prepared } from './prepare.ts';
import type { ScannedElement } from './scan-types.ts';

/** Why one event of a delivery is refused: its place in the batch, the reason, the field. */
interface Failing {
  readonly index: number;
  readonly reason: Reason;
  readonly detail: string;
  readonly path?: string;
  readonly limit?: number;
}

const MAX_LISTED = 100;

/**
 * Holds a delivery to the contract with issuers (sources.md part 3): all of it or nothing is taken. The fault names
 * every failing event of a batch, so that the issuer mends them at once; its reason is that of the first.
 */
export function checkContract(prepared: Prepared, senders: readonly Sender[]): void {
  const failing = prepared.elements.flatMap((element, index) => {
    const fault = faultOf(element, prepared.headers, senders);
    return fault ? [{ index, ...fault }] : [];
  });
  const [first] = failing;
  if (!first) return;
  const { reason, detail, path, limit } = first;
  throw doorFaultFor(reason, detail, {
    ...(path !== undefined && { path }),
    ...(limit !== undefined && { limit }),
    ...(prepared.count > 1 && { failing: failing.slice(0, MAX_LISTED) }),
  });
}

function faultOf(
  element: ScannedElement,
  headers: Readonly<Record<string, string>>,
  senders: readonly Sender[],
): Omit<Failing, 'index'> | undefined {
  if (element.value.length > TOKEN_BOUNDS.eventBytes) {
    return {
      reason: 'too_large',
      detail: `An event may have ${TOKEN_BOUNDS.eventBytes} bytes.`,
      limit: TOKEN_BOUNDS.eventBytes,
    };
  }
  if (element.duplicateKeys) return { reason: 'contract', detail: 'An object of the event has the same name twice.' };
  const event = envelopeOf({ json: parsed(element), headers });
  const bound = boundFaultOf(event);
  if (bound)
    return {
      reason: 'bounds',
      detail: `${bound.path} ${bound.message}: at most ${bound.limit}.`,
      path: bound.path,
      limit: bound.limit,
    };
  const [breach, ...more] = breachesOf(event);
  if (breach) {
    const paths = [breach, ...more].slice(0, 10).map(({ path, message }) => `${path}: ${message}`);
    return { reason: 'contract', detail: `The event breaks the contract. ${paths.join('; ')}`, path: breach.path };
  }
  return speakingFault(event, senders);
}

/** A credential speaks for its own sources, and a source for the issuers that are registered for it (sources.md 3.1 rule 6). */
function speakingFault(event: unknown, senders: readonly Sender[]): Omit<Failing, 'index'> | undefined {
  const speakers = senders.filter(({ installation }) => installation.instance === at(event, 'source'));
  if (speakers.length === 0)
    return {
      reason: 'source_not_registered',
      detail: 'This credential may not speak for the source of the event.',
      path: 'source',
    };
  const named = issuersOf(event);
  if (named.length === 0) return undefined;
  const unknown = named.find(
    ({ issuer }) =>
      !speakers.some(({ installation }) =>
        installation.may_speak_for?.some((known) => normaliseIssuer(known) === issuer),
      ),
  );
  if (unknown === undefined) return undefined;
  return {
    reason: 'issuer_not_registered_for_source',
    detail: unknown.path.startsWith('data.token')
      ? 'This source may not speak for the issuer of the token.'
      : 'This source may not say whose account this is: its issuer is not among those that it may speak for.',
    path: unknown.path,
  };
}

/**
 * The issuers for which an event speaks: of its token, or of every account that it ties to another or parts from it.
 * Whoever could part any two accounts could hide that a person approved the own request.
 */
function issuersOf(event: unknown): readonly { readonly issuer: string | undefined; readonly path: string }[] {
  const token = normaliseIssuer(at(event, 'data', 'token', 'iss'));
  const accounts = isIdentityEventType(String(at(event, 'type'))) ? at(event, 'data', 'identity', 'accounts') : [];
  return [
    ...(token === undefined ? [] : [{ issuer: token, path: 'data.token.iss' }]),
    ...(Array.isArray(accounts) ? accounts : []).map((account: unknown, index) => ({
      issuer: normaliseIssuer(at(account, 'iss')),
      path: `data.identity.accounts[${index}].iss`,
    })),
  ];
}
