import { formatMicros } from '../../../model/time.ts';
import { FAMILIES } from '../../../model/source.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import type { ArrivalHour } from '../period-figures.ts';
import { registeredSource } from '../stream-days.ts';
import { spell } from '../words.ts';

/** T-33: the clocks of the sources can be relied on to order what they tell. */
export const T33: ControlTest<ArrivalHour> = {
  id: 'T-33',
  version: 1,
  title: 'Clocks',
  control: 'The clock of each source stays within the skew of the policy, and does not step back.',
  key: false,
  nature: 'detective',
  frequency: 'daily',
  population: {
    definition: 'Installations, each in each hour (UTC) of the period in which it recorded something.',
    source: 'independent',
    select: ({ arrivals }) =>
      arrivals.map((hour) => candidate(`stream:${hour.family}/${hour.instance}@${formatMicros(hour.hour).slice(0, 13)}`, hour.hour, hour)),
  },
  stratumOf: ({ subject }) => subject.family,
  exclusions: [],
  attributes: [
    { code: 'clock_ahead', text: '99 % of the stamps lie no further after their receipt than the skew.', check: isNotAhead },
    { code: 'clock_behind', text: 'The clock is not behind: an event came within the skew of its stamp, or all as long on their way as usual.', check: isNotBehind },
    { code: 'step_back', text: 'Along the counter of the source the clock does not step back beyond skew and resolution.', check: doesNotStepBack },
  ],
  minLink: 'policy',
  needs: ['arrivals'],
  parameters: ({ parameters, sources }) => ({
    skew_max: `${parameters.skew_max_ms} ms`,
    'sources whose usual time on the way is known': String(sources.filter(({ transport_ms: ms }) => ms !== undefined).length),
  }),
  inputs: FAMILIES,
  proves: 'That the stamps which order depends on were right within the skew of the policy, as seen from here.',
  doesNotProve: 'That a clock follows a reference: it is measured here, against the clock of this service, and not set.',
}; // prettier-ignore

/** The skew of the policy and the resolution of the source's stamps, in microseconds; receipts are told by the millisecond. */
function toleranceOf(hour: ArrivalHour, { policy }: ControlContext): number {
  const resolution = registeredSource(policy, hour)?.resolution_ms ?? 1;
  return (policy.parameters.skew_max_ms + resolution + 1) * 1_000;
}

function isNotAhead({ subject }: Candidate<ArrivalHour>, context: ControlContext): Answer {
  return -subject.p01Us <= toleranceOf(subject, context)
    ? HOLDS
    : fails('clock_ahead', `Stamps lie up to ${spell(subject.leastUs)} after their receipt, of ${subject.events} events`);
} // prettier-ignore

// Nothing arrives before it happened: one event that came at once shows that the clock was not behind by more than that.
function isNotBehind({ subject }: Candidate<ArrivalHour>, context: ControlContext): Answer {
  const tolerance = toleranceOf(subject, context);
  if (subject.leastUs <= tolerance) return HOLDS;
  const usual = registeredSource(context.policy, subject)?.transport_ms;
  if (usual === undefined)
    return undecided('transport_unknown', `The fastest event took ${spell(subject.leastUs)}; how much of that was the way is not known`);
  return subject.p99OffUs <= tolerance
    ? HOLDS
    : fails('clock_behind', `1 % of the events took ${spell(subject.p99OffUs)} more or less than the usual ${spell(usual * 1_000)}`);
} // prettier-ignore

function doesNotStepBack({ subject }: Candidate<ArrivalHour>, context: ControlContext): Answer {
  const source = registeredSource(context.policy, subject);
  const eps = 2_000 * ((source?.max_skew_ms ?? 2_000) + (source?.resolution_ms ?? 1));
  return subject.backUs <= eps ? HOLDS : fails('step_back', `The clock stepped back by ${spell(subject.backUs)} from one number to the next`);
} // prettier-ignore
