import type { SourceState } from '../../../model/control.ts';
import { FAMILIES } from '../../../model/source.ts';
import type { Micros } from '../../../model/time.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { daysBetween, endOfDay, registeredSource, streamKey } from '../stream-days.ts';

type Watched =
  | { readonly kind: 'day'; readonly source: SourceState; readonly from: Micros; readonly events: number }
  | { readonly kind: 'switch'; readonly event: StoredEvent; readonly code: string };

/** T-35: each source speaks each day, and nobody turns a log off without an approved change. */
export const T35: ControlTest<Watched> = {
  id: 'T-35',
  version: 1,
  title: 'Expected sources reporting; logging not switched off',
  control:
    'Each registered source reports on each day on which it is expected to, and logging is switched off or changed only under an approved change.',
  key: false,
  nature: 'detective',
  frequency: 'daily',
  population: {
    definition:
      'Registered sources, each on each day (UTC) of the period, less those that are not expected to report daily; and the events of the period by which logging was switched off, or its destinations or selection changed.',
    source: 'independent',
    select: (context) => [...selectDays(context), ...selectSwitches(context)],
  },
  stratumOf: ({ subject }) => (subject.kind === 'day' ? 'source and day' : 'switching event'),
  exclusions: [],
  attributes: [
    { code: 'silent_source', text: 'The source reported on that day.', check: hasReported },
    {
      code: 'logging_stopped_without_change',
      text: 'An approved change covers the switching event.',
      check: isApprovedChange,
    },
  ],
  minLink: 'policy',
  parameters: ({ sources, approved_changes: changes }) => ({
    'sources expected daily': String(sources.filter((source) => source.daily_activity_expected).length),
    'changes approved': String(changes.length),
  }),
  inputs: FAMILIES,
  proves:
    'That each source was heard daily, and that no log was turned off without an approved change, as far as the sources tell.',
  doesNotProve: 'That a source told everything on the days on which it was heard; T-31 looks at that.',
};

function selectDays({ sources, days, policy, from, to }: ControlContext): readonly Candidate<Watched>[] {
  const counts = new Map(days.map((day) => [streamKey(day, day.day), day.events]));
  return sources
    .filter((source) => registeredSource(policy, source)?.daily_activity_expected === true)
    .flatMap((source) =>
      daysBetween(from, to).map(({ day, from: begun }) => {
        const item = streamKey(source, day);
        const subject = { kind: 'day', source, from: begun, events: counts.get(item) ?? 0 } as const;
        return { canonical: item, item, aliases: [], at: begun, evidence: [], subject };
      }),
    );
}

function selectSwitches({ graph, from, to }: ControlContext): readonly Candidate<Watched>[] {
  const found: Candidate<Watched>[] = [];
  for (const event of graph.events.values()) {
    if (event.disposition !== 'accepted' || event.occurredAt < from || event.occurredAt >= to) continue;
    const code = switchOf(event);
    if (code === undefined) continue;
    const canonical = graph.eventsNamed(event.event).length > 1 ? `${event.event} ${event.eventId}` : event.event;
    const subject = { kind: 'switch', event, code } as const;
    found.push({ canonical, item: event.event, aliases: [], at: event.occurredAt, evidence: [event.event], subject });
  }
  return found;
}

const STOPPED = 'logging_stopped_without_change';
const REMOVED = 'destination_removed_without_change';

// The calls by which each source's own log is turned off or narrowed (controls.md 2.4, T-35).
const AWS =
  /^cloudtrail:(?:StopLogging|DeleteTrail|UpdateTrail|PutEventSelectors|StopEventDataStoreIngestion|DeleteEventDataStore)$/;
const GITLAB =
  /^(?:deleted|destroyed?|removed)_.*streaming_destination|streaming_destination.*_(?:deleted|destroyed|removed|deactivated)$/;
const OKTA = /^system\.log_stream\.lifecycle\.(?:deactivate|delete)$/;

/** The code of an exception for an event that switches logging off, or narrows it; undefined for all others. */
function switchOf(event: StoredEvent): string | undefined {
  switch (event.family) {
    case 'aws.cloudtrail':
      return AWS.test(event.type) ? STOPPED : undefined;
    case 'gitlab.audit':
      return GITLAB.test(event.type) ? REMOVED : undefined;
    case 'okta.log':
      return OKTA.test(event.type) ? REMOVED : undefined;
    case 'vault.audit': {
      const path = event.resource?.key.slice(`vault:path:${event.instance}/`.length) ?? '';
      return path.startsWith('sys/audit/') && event.action === 'api.delete' ? STOPPED : undefined;
    }
    default:
      return undefined;
  }
}

function hasReported({ subject }: Candidate<Watched>, { asOf, policy }: ControlContext): Answer {
  if (subject.kind !== 'day' || subject.events > 0) return HOLDS;
  const lateness = (registeredSource(policy, subject.source)?.lateness_s ?? 0) * 1_000_000;
  if (asOf < endOfDay(subject.from) + lateness)
    return undecided('late_possible', 'Nothing of that day came so far, but it may still come');
  return fails('silent_source', `Nothing came from ${subject.source.family} ${subject.source.instance} on that day`);
}

function isApprovedChange({ subject }: Candidate<Watched>, { policy }: ControlContext): Answer {
  if (subject.kind !== 'switch') return HOLDS;
  const { event, code } = subject;
  if (event.outcome === 'failure' || event.outcome === 'denied') return HOLDS;
  const what = event.resource?.display ?? event.resource?.key ?? 'a log';
  const names = [event.resource?.display, event.resource?.key, event.resource?.key.split('/').at(-1)];
  const change = policy.approved_changes.find(
    ({ event_type: type, target, system, from, to }) =>
      (type === event.type || type === event.type.split(':').at(-1)) &&
      (target === undefined || names.includes(target)) &&
      (system === undefined || system === event.instance || system.endsWith(`:${event.instance}`)) &&
      (from === undefined || from <= event.occurredAt) &&
      (to === undefined || to === null || event.occurredAt < to),
  );
  if (change) return HOLDS;
  if (event.outcome !== 'success')
    return undecided('outcome_unknown', `Nothing says whether ${event.type} on ${what} succeeded`);
  const who = event.actor.display ?? event.actor.key;
  return fails(code, `${who} did ${event.type} on ${what}; no approved change covers it`);
}
