import { parseStamp } from '../../../model/time.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { FAMILIES } from '../../../model/source.ts';
import type { IntegrityDay } from '../period-figures.ts';
import { streamKey } from '../stream-days.ts';

interface Stored {
  readonly family: string;
  readonly instance: string;
  readonly day: string;
  readonly records: number;
  /** Absent where nothing was computed again. */
  readonly checked?: IntegrityDay;
}

/** T-32: what is stored is what came. */
export const T32: ControlTest<Stored> = {
  id: 'T-32',
  version: 1,
  title: 'Stored evidence unaltered',
  control:
    'Each record is, byte for byte, what was stored when it arrived: its leaf can be computed again, and stands under a signed checkpoint that only ever grew.',
  key: true,
  nature: 'detective',
  frequency: 'daily',
  population: {
    definition:
      'Records that hold the events of the period, by installation and day of receipt (UTC). Of every one of them the leaf is computed again from the stored bytes.',
    source: 'independent',
    select: selectDays,
  },
  stratumOf: ({ subject }) => subject.family,
  exclusions: [],
  attributes: [
    { code: 'altered', text: 'The leaf of each record is the one of its stored bytes.', check: isUnaltered },
    { code: 'not_under_checkpoint', text: 'A signed checkpoint covers the records.', check: isCovered },
    { code: 'not_append_only', text: 'Each checkpoint extends the one before it.', check: isConsistent },
    { code: 'not_anchored', text: 'A checkpoint is kept where the administrators of this service cannot reach it.', check: isAnchored },
  ],
  minLink: 'policy',
  needs: ['integrity', 'ledger'],
  analytics: ({ integrity = [] }) => ({ 'records computed again': String(integrity.reduce((sum, day) => sum + day.records, 0)) }),
  parameters: () => ({ 'records looked at': 'all' }),
  inputs: FAMILIES,
  proves: 'That no record of the period was changed, removed or added since it was stored.',
  doesNotProve: 'Anything of what happened to an event before it arrived.',
}; // prettier-ignore

function selectDays({ integrity, days }: ControlContext): readonly Candidate<Stored>[] {
  const members: readonly Stored[] = integrity
    ? integrity.map((checked) => ({ ...checked, checked }))
    : days.map(({ events, ...day }) => ({ ...day, records: events }));
  return members.map((stored) =>
    candidate(streamKey(stored, stored.day), parseStamp(`${stored.day}T00:00:00Z`)?.at ?? 0, stored),
  );
}

function isUnaltered({ subject }: Candidate<Stored>): Answer {
  const { checked } = subject;
  if (!checked) return undecided('not_computed', `The leaves of ${subject.records} records were not computed again`);
  if (checked.altered === 0) return HOLDS;
  const more = checked.altered > checked.places.length ? ' and more' : '';
  return fails('altered', `${checked.altered} of ${checked.records} records are not what was stored: ${checked.places.join(', ')}${more}`);
} // prettier-ignore

function isCovered({ subject }: Candidate<Stored>, { ledger }: ControlContext): Answer {
  const covered = ledger?.covers(subject.family, subject.day) ?? 'unknown';
  if (covered === true) return HOLDS;
  return covered === false
    ? fails('not_under_checkpoint', 'Records of that day are not under any signed checkpoint')
    : undecided('no_checkpoint', 'No signed checkpoint is at hand to compare with');
}

function isConsistent(_candidate: Candidate<Stored>, { ledger }: ControlContext): Answer {
  if (!ledger || ledger.consistent === true) return HOLDS;
  return ledger.consistent === false
    ? fails('not_append_only', 'A checkpoint does not extend the one before it')
    : undecided('consistency_unknown', 'It cannot be shown that each checkpoint extends the one before it');
}

function isAnchored(_candidate: Candidate<Stored>, { ledger }: ControlContext): Answer {
  if (!ledger || ledger.anchored === true) return HOLDS;
  return ledger.anchored === false
    ? fails('not_anchored', 'No checkpoint is kept out of reach of the administrators')
    : undecided('anchor_unknown', 'Nothing says whether a checkpoint is kept out of reach of the administrators');
}
