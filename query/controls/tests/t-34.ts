import { dayOf, parseStamp } from '../../../model/time.ts';
import { FAMILIES } from '../../../model/source.ts';
import { fails, HOLDS, candidate } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import type { ArrivalHour } from '../period-figures.ts';
import { streamKey } from '../stream-days.ts';
import { spell, spellSeconds } from '../words.ts';

/** The events of an installation on one day, and how many of them came late. */
interface DayOfArrivals {
  readonly family: string;
  readonly instance: string;
  readonly day: string;
  readonly events: number;
  readonly late: number;
  readonly worstUs: number;
}

/** T-34: what happens is known here soon. */
export const T34: ControlTest<DayOfArrivals> = {
  id: 'T-34',
  version: 1,
  title: 'Ingest in time',
  control: 'Each event is received within the time of the policy after its source recorded it.',
  key: false,
  nature: 'detective',
  frequency: 'daily',
  population: {
    definition:
      'Events of the period, told by installation and day (UTC): every event is compared, and an item says how many of its day came late.',
    source: 'independent',
    select: ({ arrivals }) =>
      groupByDay(arrivals).map((day) => candidate(streamKey(day, day.day), parseStamp(`${day.day}T00:00:00Z`)?.at ?? 0, day)),
  },
  stratumOf: ({ subject }) => subject.family,
  exclusions: [],
  attributes: [{ code: 'late', text: 'No event of that day came later than the time of the policy.', check: isInTime }],
  minLink: 'policy',
  needs: ['arrivals'],
  analytics: tellTotals,
  parameters: ({ parameters }) => ({ ingest_max: spellSeconds(parameters.ingest_max_s) }),
  inputs: FAMILIES,
  proves: 'How soon events were received, and on which days of which sources some came late.',
  doesNotProve: 'Anything of events that never came; T-31 looks for those. What comes late is lost where a source keeps its log for a short time only.',
}; // prettier-ignore

function groupByDay(arrivals: readonly ArrivalHour[]): readonly DayOfArrivals[] {
  const days = new Map<string, DayOfArrivals>();
  for (const { family, instance, hour, events, late, worstUs } of arrivals) {
    const day = dayOf(hour);
    const id = streamKey({ family, instance }, day);
    const held = days.get(id);
    days.set(id, { family, instance, day, events: (held?.events ?? 0) + events, late: (held?.late ?? 0) + late, worstUs: Math.max(held?.worstUs ?? 0, worstUs) });
  }
  return [...days.values()];
} // prettier-ignore

function isInTime({ subject }: Candidate<DayOfArrivals>): Answer {
  if (subject.late === 0) return HOLDS;
  const { late, events, worstUs } = subject;
  return fails('late', `${late} of ${events} events (${((100 * late) / events).toFixed(1)} %) came late; the worst took ${spell(worstUs)}`);
} // prettier-ignore

function tellTotals({ arrivals }: ControlContext): Readonly<Record<string, string>> {
  const events = arrivals.reduce((sum, hour) => sum + hour.events, 0);
  const late = arrivals.reduce((sum, hour) => sum + hour.late, 0);
  const worst = arrivals.reduce((most, hour) => Math.max(most, hour.worstUs), 0);
  return { events: String(events), 'came late': String(late), worst: spell(worst) };
}
