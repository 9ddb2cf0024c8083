import type { Action } from '../../model/action.ts';
import { DAY_US } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { Reader } from '../../store/query.ts';
import { toStoredEvent } from '../../store/queries/event-row.ts';
import { findActionEvents } from '../../store/queries/find-action-events.ts';
import { findCheckJobs } from '../../store/queries/find-check-jobs.ts';
import { findEventsInPeriod } from '../../store/queries/find-period-events.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from '../chains/graph.ts';
import { loadGraph } from '../chains/load-graph.ts';
import type { Rules } from '../chains/rules.ts';

/** Stages whose events are members of populations, or decide them; runs and requests come with the chains. */
const STAGES = ['approve', 'credential', 'touch', 'revoke'];

/** What people and systems did in the period, and in the days before that a login or a run may reach into it. */
const DOINGS: readonly Action[] = [
  'session.login', 'access.request', 'token.request', 'access.review', 'pipeline.create', 'pipeline.update', 'pipeline.finish',
  'job.start', 'job.update', 'job.finish', 'credential.rotate', 'evidence.access', 'deployment.request', 'deployment.start', 'deployment.finish',
]; // prettier-ignore

/** What holds until something else is said: who was deactivated, what was merged and approved, which setting changed. */
const STATES: readonly Action[] = [
  'user.deactivate', 'user.reactivate', 'merge_request.open', 'merge_request.update', 'merge_request.approve',
  'merge_request.unapprove', 'merge_request.merge', 'repo.write', 'config.change',
]; // prettier-ignore

/** What registers said of accounts, at any time before: whoever was one person once may be two by now. */
const IDENTITIES: readonly Action[] = ['identity.merge', 'identity.split', 'identity.state'];

/** How far back a doing may still matter, and how far a state: as long as evidence is kept at least (controls.md 2.3). */
const DOINGS_BACK_US = 2 * DAY_US;
const STATES_BACK_US = 400 * DAY_US;

/** A period may hold far more keys than one chain. Beyond this the graph says that it was cut off. */
const NODES = 5_000_000;

interface Period {
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
}

/**
 * Everything that the populations of a period need: their events in one query, what they are compared with in two, then
 * the chains through all of the first at once, a query a hop for the whole frontier.
 */
export async function loadPeriod(reader: Reader, tenant: string, rules: Rules, period: Period): Promise<Graph> {
  const asOfMs = Math.floor(period.asOf / 1_000);
  const rows = await reader.read(findEventsInPeriod(tenant, STAGES, period.from, period.to, asOfMs));
  const around = async (actions: readonly Action[], back: Micros): Promise<readonly StoredEvent[]> => {
    // A review, or whatever else was told by as-of, may lie after the period.
    const to = Math.max(period.to, period.asOf + 1);
    const found = await reader.read(findActionEvents(tenant, actions, Math.max(0, period.from - back), to, asOfMs));
    return found.map(toStoredEvent);
  };
  // The checks of a commit may have run long before it is deployed; only those that the policy names are read.
  const checksBefore = async (): Promise<readonly StoredEvent[]> => {
    const names = [...new Set(rules.policy.projects.flatMap(({ required_checks: checks }) => checks))];
    if (names.length === 0) return [];
    const since = Math.max(0, period.from - STATES_BACK_US);
    return (await reader.read(findCheckJobs(tenant, names, since, period.to, asOfMs))).map(toStoredEvent);
  };
  return loadGraph(reader, tenant, [], {
    asOf: period.asOf,
    rules,
    limits: { nodes: NODES },
    events: rows.map(toStoredEvent),
    beside: [
      ...(await around(DOINGS, DOINGS_BACK_US)),
      ...(await around(STATES, STATES_BACK_US)),
      ...(await around(IDENTITIES, period.from)),
      ...(await checksBefore()),
    ],
  });
}
