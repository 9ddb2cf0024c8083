import { formatMicros } from '../../../model/time.ts';
import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { guardrailsOf, stretchesOf } from '../guardrails.ts';
import type { Stretch } from '../guardrails.ts';
import { selectProductionIssues } from '../production-issues.ts';
import { spell } from '../words.ts';

/** T-27: what guards production was on all the time. */
export const T27: ControlTest<Stretch> = {
  id: 'T-27',
  version: 1,
  title: 'Guardrails held all period',
  control: 'Each setting that guards production keeps its required value without interruption.',
  key: false,
  nature: 'detective',
  frequency: 'daily',
  population: {
    definition:
      'Stretches of the period in which a guarded setting had one value: the guardrails that the policy names, and each protected ref of a registered project. What lies after as-of is not looked at.',
    source: 'own_records',
    select: (context) =>
      guardrailsOf(context.policy).flatMap((guardrail) =>
        stretchesOf(guardrail, context).map((stretch) =>
          candidate(`guardrail:${guardrail.id}@${formatMicros(stretch.from)}`, stretch.from, stretch, { evidence: stretch.evidence }),
        ),
      ),
  },
  stratumOf: ({ subject }) => subject.guardrail.setting,
  exclusions: [],
  attributes: [
    { code: 'no_snapshot', text: 'It is on record which value the setting had.', check: isKnown },
    { code: 'guardrail_weakened', text: 'The setting had the value that is required.', check: isRequired },
  ],
  minLink: 'policy',
  parameters: (policy) => ({
    guardrails: String(guardrailsOf(policy).length),
    'states and snapshots registered': String(policy.setting_states.length + policy.protected_refs_history.length),
  }),
  inputs: ['gitlab.audit'],
  proves: 'That the guarded settings held from their first snapshot on, and what ran in any stretch in which one did not.',
  doesNotProve: 'What a setting was before its first snapshot, or that the list of guardrails is the right one.',
}; // prettier-ignore

function isKnown({ subject }: Candidate<Stretch>): Answer {
  return subject.value === undefined
    ? undecided('no_snapshot', `No snapshot says what ${subject.guardrail.id} was from ${formatMicros(subject.from)} to ${formatMicros(subject.to)}`)
    : HOLDS;
} // prettier-ignore

function isRequired({ subject }: Candidate<Stretch>, context: ControlContext): Answer {
  const { guardrail, value, from, to, changedBy } = subject;
  if (value === undefined || value === guardrail.required) return HOLDS;
  const inside = selectProductionIssues(context).filter(
    ({ at, subject: { issue } }) =>
      at >= from && at < to && (guardrail.project_id === undefined || issue.facts.ci?.project_id === guardrail.project_id || issue.facts.ci?.project_id === undefined),
  ); // prettier-ignore
  const who = changedBy === undefined ? '' : `, changed by ${changedBy}`;
  const chains = `${inside.length} production credentials were issued meanwhile`;
  return fails(
    'guardrail_weakened',
    `${guardrail.id} was ${value} instead of ${guardrail.required} from ${formatMicros(from)} to ${formatMicros(to)} (${spell(to - from)})${who}; ${chains}`,
    inside.slice(0, 50).map(({ subject: issued }) => issued.issue.event),
  );
}
