import type { ActorRef } from '../../model/actor.ts';
import type { TestId } from '../../model/control.ts';
import { eventKey } from '../../model/key.ts';
import type { Policy } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import { countArrivalsByHour } from '../../store/queries/count-arrivals.ts';
import type { UsualDelays } from '../../store/queries/count-arrivals.ts';
import { findActors } from '../../store/queries/find-actors.ts';
import { findCheckRuns } from '../../store/queries/find-check-runs.ts';
import type { CheckRunRow } from '../../store/queries/find-check-runs.ts';
import { verifyLeaves } from '../../store/queries/verify-leaves.ts';
import type { Reader } from '../../store/query.ts';
import type { ArrivalHour, Figure, LedgerEvidence, PeriodFigures, SeenActor, StoredRun } from './period-figures.ts';

interface Period {
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
}

/**
 * The figures that the chosen tests need, a query each. `ledger` gives what signed checkpoints say, where they are made.
 */
export async function loadFigures(
  reader: Reader,
  policy: Policy,
  period: Period,
  needed: ReadonlySet<Figure>,
  ledger?: () => Promise<LedgerEvidence | undefined>,
): Promise<PeriodFigures> {
  const { tenant } = policy;
  const { from, to } = period;
  const asOfMs = Math.floor(period.asOf / 1_000);
  const evidence = needed.has('ledger') ? await ledger?.() : undefined;
  return {
    ...(needed.has('actors') ? { actors: await readActors(reader, tenant, period) } : {}),
    ...(needed.has('arrivals') ? { arrivals: await readArrivals(reader, policy, period) } : {}),
    ...(needed.has('integrity') ? { integrity: await reader.read(verifyLeaves(tenant, from, to, asOfMs)) } : {}),
    ...(needed.has('runs') ? { runs: (await reader.read(findCheckRuns(tenant, period.asOf))).map(storedRunOf) } : {}),
    ...(evidence === undefined ? {} : { ledger: evidence }),
  };
}

async function readActors(reader: Reader, tenant: string, { from, to, asOf }: Period): Promise<readonly SeenActor[]> {
  const rows = await reader.read(findActors(tenant, from, to, Math.floor(asOf / 1_000)));
  return rows.map((row) => {
    const { display } = JSON.parse(row.actor) as ActorRef;
    return {
      family: row.family,
      instance: row.instance,
      key: row.actor_key,
      kind: row.actor_kind,
      firstAt: row.first_us,
      at: row.at_us,
      event: eventKey(row.family, row.native_id),
      ...(display === undefined ? {} : { display }),
    };
  });
}

async function readArrivals(
  reader: Reader,
  policy: Policy,
  { from, to, asOf }: Period,
): Promise<readonly ArrivalHour[]> {
  const known = policy.sources.filter(({ transport_ms: ms }) => ms !== undefined);
  const usual: UsualDelays = {
    names: known.map(({ family, instance }) => `${family} ${instance}`),
    us: known.map(({ transport_ms: ms }) => String((ms ?? 0) * 1_000)),
  };
  const period = { fromUs: from, toUs: to, asOfMs: Math.floor(asOf / 1_000) };
  const late = policy.parameters.ingest_max_s * 1_000_000;
  const rows = await reader.read(countArrivalsByHour(policy.tenant, period, late, usual));
  return rows.map((row) => ({
    family: row.family,
    instance: row.instance,
    hour: row.hour_s * 1_000_000,
    events: row.events,
    late: row.late,
    worstUs: row.worst_us,
    leastUs: row.least_us,
    p01Us: row.p01_us,
    p99OffUs: row.p99_off_us,
    backUs: row.back_us,
  }));
}

/** A stored check as the tests and the comparison see it. */
export function storedRunOf(row: CheckRunRow): StoredRun {
  return {
    run: row.run,
    createdAt: row.created_us,
    test: row.test as TestId,
    from: row.from_us,
    to: row.to_us,
    asOf: row.as_of_us,
    catalogue: row.catalogue,
    policy: row.policy,
    population: row.population_sha256,
    digest: row.digest,
  };
}
