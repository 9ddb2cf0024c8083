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
  version: 2,
  title: 'Stored evidence unaltered',
  control:
    'Each record is, byte for byte, what was stored when it arrived: its leaf can be computed again, and stands under a signed checkpoint that only ever grew.',
  key: true,
  nature: 'detective',
  frequency: 'daily',
  population: {
    definition:
      'Records that hold the events of the period, by installation and day of receipt (UTC). Of every one of them the leaf is computed again from the stored bytes, and the tree from the stored leaves.',
    source: 'independent',
    select: selectDays,
  },
  stratumOf: ({ subject }) => subject.family,
  exclusions: [],
  attributes: [
    { code: 'altered', text: 'The leaf of each record is the one of its stored bytes.', check: isUnaltered },
    { code: 'not_as_signed', text: 'The stored leaves of the records give the roots that were signed.', check: isCovered },
    { code: 'not_append_only', text: 'Each checkpoint extends the one before it.', check: isConsistent },
    { code: 'not_anchored', text: 'A checkpoint that covers the records is kept where the administrators of this service cannot reach it.', check: isAnchored },
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
  const covered = ledger?.covers(subject) ?? { truth: 'unknown', why: 'No signed checkpoint is at hand to compare with' };
  if (covered.truth === true) return HOLDS;
  return covered.truth === false
    ? fails('not_as_signed', covered.why ?? 'The records of that day are not those that were signed')
    : undecided('no_checkpoint', covered.why ?? 'No signed checkpoint covers the records of that day');
} // prettier-ignore

function isConsistent(_candidate: Candidate<Stored>, { ledger }: ControlContext): Answer {
  if (!ledger || ledger.consistent.truth === true) return HOLDS;
  return ledger.consistent.truth === false
    ? fails('not_append_only', ledger.consistent.why ?? 'A checkpoint does not extend the one before it')
    : undecided('consistency_unknown', ledger.consistent.why ?? 'It cannot be shown that each checkpoint extends the one before it');
} // prettier-ignore

function isAnchored({ subject }: Candidate<Stored>, { ledger }: ControlContext): Answer {
  const anchored = ledger?.anchored(subject);
  if (!anchored || anchored.truth === true) return HOLDS;
  return anchored.truth === false
    ? fails('not_anchored', anchored.why ?? 'No checkpoint is kept out of reach of the administrators')
    : undecided('anchor_unknown', anchored.why ?? 'Nothing says whether a checkpoint is kept out of reach of the administrators');
} // prettier-ignore
