import type { Source } from '../../model/source.ts';
import type { Micros } from '../../model/time.ts';
import { appendFetched, appendPrepared } from './append.ts';
import type { Appended, FetchDeps } from './append.ts';
import { Problem } from '../../model/problem.ts';
import { checkContentType } from './content-type.ts';
import { checkBody, checkHeaders } from './credentials.ts';
import type { HeaderCheck } from './credentials.ts';
import type { IntakeDeps } from './deps.ts';
import { doorFault } from './door-fault.ts';
import { installationOfFetch, installationOfPush } from './installation.ts';
import { checkContract } from './issuer-contract.ts';
import { MAX_FETCHED_BYTES, maxBodyOf } from './limits.ts';
import { adapterOf, prepareDelivery } from './prepare.ts';
import type { Prepared } from './prepare.ts';
import { checkSetHeaders } from './security-event-token.ts';
import type { Headers } from './signature.ts';
import type { Note } from '../log/local-index.ts';

/** What a sender pushed to a door. `instance` is its own word for the installation, checked against its credential. */
export interface Push {
  readonly source: Source;
  readonly headers: Headers;
  readonly body: Buffer;
  readonly receivedAt: Micros;
  readonly instance: string | undefined;
}

/** What a connector of ours fetched: trusted, so nothing is verified, but bounded and redacted like the rest. */
export interface Fetched extends Push {
  readonly asked?: string | undefined;
}

/** A page that a poll fetched. */
export interface Page extends Fetched {
  /** Whether an element, redacted, was taken in before by the same poll and need not be again. */
  readonly isKnown: (value: Buffer) => boolean;
}

/** How a delivery ended for its sender. */
export interface Receipt {
  readonly status: 202 | 204;
  /** Records that the log holds now, durably. */
  readonly accepted: number;
  readonly ranges: Appended['ranges'];
  /** The same with the records in them. */
  readonly groups: Appended['groups'];
}

/** A delivery that has passed the door; `commit` makes it durable. Calling commits in turn keeps the order of arrival. */
export interface Passed {
  commit(): Promise<Receipt>;
}

/**
 * The part of a push that needs no body: whether the source exists, the sender is known and the type can be read. Done
 * before a byte of the body is taken in.
 */
export function checkPush(deps: IntakeDeps, push: Omit<Push, 'body' | 'instance'>): HeaderCheck {
  adapterOf(deps, push.source);
  if (push.source === 'ssf.set') return checkSetHeaders(deps, push.headers);
  const check = checkHeaders(deps.credentials, push.source, push.headers, push.receivedAt);
  checkContentType(push.source, push.headers);
  return check;
}

/**
 * Passes a push through the door: sender, size, bounds, redaction, and for issuers the contract. Throws the fault of
 * the door, with nothing stored; otherwise `commit` writes it to the log.
 */
export function passPush(deps: IntakeDeps, push: Push, check: HeaderCheck = checkPush(deps, push)): Passed {
  const { source, headers, body, receivedAt } = push;
  const limit = maxBodyOf(source);
  if (body.length > limit) throw doorFault('too_large', `A body of this source may have ${limit} bytes.`, { limit });
  const senders = checkBody(check, body);
  const installation = installationOfPush(source, senders, push.instance, headers);
  const mode = source === 'ssf.set' ? undefined : checkContentType(source, headers);
  const prepared = prepareDelivery(deps, { source, headers, body, receivedAt, via: 'push', installation, mode });
  if (source === 'issuer.cloudevents') checkContract(prepared, senders);
  // Okta's event hook takes 200 and 204 for an answer (sources.md 1.5.b), and its credential is of the kind `header`.
  const isHook = source === 'okta.log' && senders.some(({ kind }) => kind === 'header');
  return { commit: () => commit(deps, prepared, isHook ? 204 : 202) };
}

/** The same for what a connector fetched. */
export function passFetched(deps: IntakeDeps, fetched: Fetched): Passed {
  const prepared = prepareFetched(deps, fetched);
  return { commit: () => commit(deps, prepared, 202) };
}

/** The same for a page that a poll fetched; `note`, if there is one, says how far the poll is once the page is durable. */
export function passPage(deps: FetchDeps, page: Page, note: Note | undefined): Passed {
  const prepared = prepareFetched(deps, page);
  return {
    async commit() {
      const { groups, ranges } = await appendFetched(deps, prepared, note);
      return { status: 202, accepted: prepared.count, groups, ranges };
    },
  };
}

function prepareFetched(deps: IntakeDeps, fetched: Fetched & Partial<Pick<Page, 'isKnown'>>): Prepared {
  const { source, headers, body, receivedAt, isKnown } = fetched;
  if (body.length > MAX_FETCHED_BYTES)
    throw doorFault('too_large', `What is fetched may have ${MAX_FETCHED_BYTES} bytes.`, { limit: MAX_FETCHED_BYTES });
  const installation = installationOfFetch(deps.policy, source, fetched.instance, fetched.asked);
  return prepareDelivery(deps, { source, headers, body, receivedAt, via: 'poll', installation, isKnown });
}

async function commit(deps: IntakeDeps, prepared: Prepared, status: 202 | 204): Promise<Receipt> {
  const { groups, ranges, conflicts } = await appendPrepared(deps, prepared);
  if (conflicts.length > 0) {
    throw new Problem(
      'conflict',
      'An event with this source and id is held with other content. Both are kept; the first stands.',
      {
        conflicts,
        accepted: prepared.count,
        ranges,
        remedy: 'Give each event an id of its own, and repeat a delivery unchanged.',
      },
    );
  }
  return { status, accepted: prepared.count, ranges, groups };
}
