import type { Facts } from '../../model/facts.ts';
import type { Micros, Stamp } from '../../model/time.ts';
import { compact } from './draft.ts';
import { addFlow, addParty, getText, getTime, hoopParty, versionOf } from './hoop-parts.ts';
import type { Decision, Hoop, HoopEvent } from './hoop-parts.ts';
import { at, getBoolean, getId, getNumber, needId, needStamp, partOf, partsOf } from './read.ts';
import type { Doc } from './read.ts';

type Finding = NonNullable<Facts['findings']>[number];

const DECIDED: ReadonlyMap<string, Decision['decided']> = new Map([
  ['APPROVED', 'approved'],
  ['REJECTED', 'denied'],
  ['REVOKED', 'revoked'],
]);

/** What a review says: who decided, and what a reader should see of it. */
export interface Review {
  readonly decisions: readonly Decision[];
  readonly findings: readonly Finding[];
  /** When the last of them decided. */
  readonly latest: Stamp | undefined;
}

/**
 * Reads a review, by its groups and never by its status: `EXECUTED` is set also where nobody approved, and one person
 * may stand for two groups (sources.md 1.12.1). One decision for each person, with the groups as its scope.
 */
export function readReview(hoop: Hoop, review: Doc): Review {
  const decisions = new Map<string, Decision>();
  let isForced = false;
  let latest: Stamp | undefined;
  for (const group of partsOf(review, 'review_groups_data')) {
    const decided = DECIDED.get(getText(group, 'status') ?? '');
    if (getBoolean(group, 'forced_review') === true) isForced = true;
    if (!decided) continue;
    const person = partOf(group, 'reviewed_by');
    const by = hoopParty(hoop, {
      id: getId(person, 'id'),
      email: getText(person, 'email'),
      name: getText(person, 'name'),
    });
    const stamp = getTime(group, 'review_date');
    const when = stamp?.at;
    latest = laterOf(latest, stamp);
    const id = `${decided} ${by.key || by.display}`;
    const held = decisions.get(id);
    const name = getText(group, 'group');
    const scope = [...(held?.scope ?? []), ...(name === undefined ? [] : [name])];
    const mode = by.kind === 'human' ? 'human' : undefined;
    decisions.set(id, compact<Decision>({ decided, mode, at: earlier(held?.at, when), by, scope }));
  }
  const all = [...decisions.values()];
  return { decisions: all, findings: findingsOf(review, all, isForced), latest };
}

/** A row of `GET /api/reviews`: a version of a review. It names its session, not who asked. */
export function readReviewRow(hoop: Hoop): HoopEvent {
  const { doc } = hoop;
  const id = needId(doc, 'id');
  const created = needStamp(doc, 'created_at');
  const review = readReview(hoop, doc);
  const session = getId(doc, 'session');
  const status = getText(doc, 'status');
  const isDecided = review.decisions.length > 0;
  addFlow(hoop, {
    session,
    sessionRole: 'mentions',
    review: id,
    reviewRole: isDecided ? 'decides' : 'subject',
    fields: ['session', 'id'],
  });
  for (const decision of review.decisions)
    if (decision.by) addParty(hoop, decision.by, 'actor', 'review_groups_data[].reviewed_by');
  const version = versionOf(doc.json);
  const last = review.decisions.toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0))[0];
  return compact<HoopEvent>({
    nativeId: `rest.review:${id}:${version}`,
    dedupeKey: `rest.review:${id}:${version}`,
    type: 'rest.review',
    occurred: laterOf(created, review.latest) ?? created,
    action: last
      ? last.decided === 'approved'
        ? 'access.approve'
        : last.decided === 'denied'
          ? 'access.deny'
          : 'access.revoke'
      : 'other',
    outcome: last ? (last.decided === 'denied' ? 'denied' : 'success') : 'pending',
    outcomeCode: status,
    actor: last?.by ?? { kind: 'unknown', key: '' },
    resource: { type: 'review', key: `hoop://${hoop.host}/review/${id}` },
    facts: compact<Facts>({
      decisions: isDecided ? review.decisions : undefined,
      findings: review.findings.length > 0 ? review.findings : undefined,
    }),
    content: { id, version },
  });
}

function findingsOf(review: Doc, decisions: readonly Decision[], isForced: boolean): readonly Finding[] {
  const approvers = decisions.filter((decision) => decision.decided === 'approved').length;
  const wanted = getNumber(review, 'min_approvals');
  const findings: Finding[] = [];
  if (at(review.json, 'status') === 'EXECUTED' && approvers === 0) {
    findings.push({ kind: 'executed_without_approval', detail: 'The review says EXECUTED, and no group approved it.' });
  }
  if (wanted !== undefined && approvers > 0 && approvers < wanted) {
    findings.push({
      kind: 'fewer_approvers_than_required',
      detail: `${approvers} of ${wanted} people approved; groups are not people.`,
    });
  }
  if (isForced) findings.push({ kind: 'forced_review', detail: 'An administrator overrode the review.' });
  return findings;
}

/** The later of two moments, either of which may be unknown. */
export function laterOf(a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined {
  return a === undefined || b === undefined ? (a ?? b) : b.at > a.at ? b : a;
}

function earlier(a: Micros | undefined, b: Micros | undefined): Micros | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
