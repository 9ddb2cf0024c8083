import type { ActorRef } from '../../model/actor.ts';
import { emailKey } from '../../model/keys.ts';
import { and, not, or } from '../../model/truth.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { compareRefs, happenedBefore } from '../chains/order.ts';
import type { ControlContext } from './control-test.ts';

/** A merge request as its events tell it, in order of time. */
export interface MergeRequest {
  /** `gitlab:mr:<host>/<id>`. */
  readonly key: string;
  readonly events: readonly StoredEvent[];
  /** The event of the merge; absent while it is not merged. */
  readonly merge?: StoredEvent;
  /** The commit that was merged, by the last event that names one. */
  readonly lastCommit?: string;
  readonly authors: readonly ActorRef[];
}

/** One approval of a merge request, and what is known of it. */
export interface CodeApproval {
  readonly event: StoredEvent;
  /** Whether the approver is a person who wrote none of the change. */
  readonly independent: Truth;
  /** Whether it is for the commit that was merged and was not taken back, whenever it was given. */
  readonly stands: Truth;
  /** Whether it stands and was given before the merge. */
  readonly current: Truth;
}

interface MergeRequests {
  readonly byKey: ReadonlyMap<string, MergeRequest>;
  /** Merge requests by `<project> <commit>` of their merge commit, and of the last commit where it was merged as it is. */
  readonly byCommit: ReadonlyMap<string, MergeRequest>;
  /** Projects of which any merge is known. */
  readonly projects: ReadonlySet<string>;
}

const remembered = new WeakMap<ControlContext, MergeRequests>();

/** The merge requests of a graph; made once. */
export function mergeRequestsOf(context: ControlContext): MergeRequests {
  const known = remembered.get(context);
  if (known) return known;
  const grouped = new Map<string, StoredEvent[]>();
  const pushes = new Map<string, StoredEvent[]>();
  for (const event of context.graph.events.values()) {
    if (event.disposition !== 'accepted') continue;
    const key = event.facts.merge_request && event.keys.find((one) => one.key.startsWith('gitlab:mr:'))?.key;
    if (key !== undefined) add(grouped, key, event);
    const { push } = event.facts;
    if (push?.project_id !== undefined && push.ref !== undefined)
      add(pushes, branchOf(event, push.project_id, push.ref), event);
  }
  const byKey = new Map<string, MergeRequest>();
  const byCommit = new Map<string, MergeRequest>();
  const projects = new Set<string>();
  for (const [key, events] of grouped) {
    const request = describe(key, events, pushes);
    byKey.set(key, request);
    const told = request.merge?.facts.merge_request;
    if (!request.merge || told?.project_id === undefined) continue;
    projects.add(told.project_id);
    for (const sha of [told.merge_sha, told.last_commit]) {
      const id = `${told.project_id} ${sha ?? ''}`;
      if (sha !== undefined && !byCommit.has(id)) byCommit.set(id, request);
    }
  }
  const made = { byKey, byCommit, projects };
  remembered.set(context, made);
  return made;
}

/** The approvals of a merge request, with what is known of each. */
export function approvalsOfMerge(request: MergeRequest, context: ControlContext): readonly CodeApproval[] {
  const { graph, rules, identities } = context;
  const { merge } = request;
  return request.events
    .filter((event) => event.action === 'merge_request.approve' && event.actor.kind !== 'system')
    .map((event) => {
      const kind = identities.resolve(event.actor, event.occurredAt)?.kind ?? event.actor.kind;
      // Where nobody is known to have written it, nobody can be told from its authors.
      const wrote: Truth =
        request.authors.length === 0
          ? 'unknown'
          : or(...request.authors.map((author) => identities.sameParty(event.actor, author, event.occurredAt)));
      const sha = event.facts.decision?.sha;
      const later = request.events.filter(
        (other) => other.occurredAt > event.occurredAt && other.facts.merge_request?.last_commit !== undefined,
      );
      const forMerged: Truth =
        sha !== undefined && request.lastCommit !== undefined
          ? sha === request.lastCommit
          : later.length === 0
            ? true
            : 'unknown';
      const inTime = merge ? not(happenedBefore(graph, merge, event, rules)) : true;
      const takenBack = request.events.some(
        (other) =>
          other.action === 'merge_request.unapprove' &&
          other.occurredAt >= event.occurredAt &&
          (other.actor.key === event.actor.key || other.actor.kind === 'system') &&
          (merge === undefined || other.occurredAt <= merge.occurredAt),
      );
      const stands = and(forMerged, !takenBack);
      return {
        event,
        independent: kind === 'ai_agent' || kind === 'service' ? false : not(wrote),
        stands,
        current: and(stands, inTime === 'unknown' ? true : inTime),
      };
    });
}

function describe(
  key: string,
  events: readonly StoredEvent[],
  pushes: ReadonlyMap<string, readonly StoredEvent[]>,
): MergeRequest {
  const ordered = events.toSorted((a, b) => a.occurredAt - b.occurredAt || compareRefs(a.ref, b.ref));
  const merge = ordered.find((event) => event.action === 'merge_request.merge' && event.family === 'gitlab.hook');
  const told = ordered.map((event) => event.facts.merge_request).filter((facts) => facts !== undefined);
  const lastCommit =
    merge?.facts.merge_request?.last_commit ?? told.findLast((facts) => facts.last_commit !== undefined)?.last_commit;
  const authors = new Map<string, ActorRef>();
  for (const { author } of told) if (author !== undefined) authors.set(author, { kind: 'human', key: author });
  const [first] = ordered;
  const source = told.find((facts) => facts.source_branch !== undefined && facts.project_id !== undefined);
  const written =
    first && source ? (pushes.get(branchOf(first, source.project_id ?? '', source.source_branch ?? '')) ?? []) : [];
  for (const event of written) {
    if (merge && event.occurredAt > merge.occurredAt) continue;
    if (event.actor.key !== '') authors.set(event.actor.key, event.actor);
    for (const email of event.facts.push?.author_emails ?? []) {
      const own = emailKey(email)?.key;
      if (own !== undefined) authors.set(own, { kind: 'human', key: own, email });
    }
  }
  return {
    key,
    events: ordered,
    authors: [...authors.values()],
    ...(merge === undefined ? {} : { merge }),
    ...(lastCommit === undefined ? {} : { lastCommit }),
  };
}

function branchOf(event: StoredEvent, project: string, ref: string): string {
  return `${event.instance} ${project} ${ref}`;
}

function add(map: Map<string, StoredEvent[]>, key: string, event: StoredEvent): void {
  const list = map.get(key);
  if (list) list.push(event);
  else map.set(key, [event]);
}
