import type { GapExplanation, GapSaying, GapStanding, ShownGapAct } from '../../model/gap-explanation.ts';
import { formatMicros } from '../../model/time.ts';
import { objectionToDecision, objectionToMachine, objectionToNext, shownBy } from '../dispositions/second-person.ts';
import type { Act, Objection, Proposed } from '../dispositions/second-person.ts';
import type { Identities } from '../identity.ts';

/** One act on a gap as the log holds it. */
export interface GapAct extends Act {
  readonly said: GapSaying;
}

interface Explained extends Proposed {
  readonly act: GapAct;
}

interface State {
  readonly explained: Map<string, Explained>;
  pending?: Explained;
  confirmed?: Explained;
}

/**
 * Where one gap stands, from its acts in the order of the log, each judged by what stood before it. One that may not be is
 * kept in the history and has no effect: the rules of dispositions (query/dispositions/second-person.ts), so that nobody
 * explains a gap alone. Pure: the same acts and identities give the same answer.
 */
export function foldExplanations(gap: string, acts: readonly GapAct[], identities: Identities): GapStanding {
  const { state, history } = replay(acts, identities);
  const { confirmed, pending } = state;
  const shown = confirmed ?? pending;
  return {
    gap,
    state: confirmed ? 'explained' : pending ? 'proposed' : 'open',
    ...(shown ? explanationOf(shown, identities) : {}),
    history,
  };
}

/** Why a next act may not be, given the acts before it; undefined where it may. */
export function objectionToGapAct(
  next: GapAct,
  acts: readonly GapAct[],
  identities: Identities,
): Objection | undefined {
  return judge(next, replay(acts, identities).state, identities);
}

function replay(
  acts: readonly GapAct[],
  identities: Identities,
): { readonly state: State; readonly history: readonly ShownGapAct[] } {
  const state: State = { explained: new Map() };
  const history = acts.map((act): ShownGapAct => {
    const objection = judge(act, state, identities);
    if (!objection) apply(act, state);
    return {
      id: act.id,
      at: formatMicros(act.at),
      by: shownBy(act, identities),
      said: act.said,
      effect: objection ? 'void' : 'stands',
      ...(objection ? { why: objection.why } : {}),
    };
  });
  return { state, history };
}

function judge(act: GapAct, { explained, pending }: State, identities: Identities): Objection | undefined {
  const { said } = act;
  const machine = objectionToMachine(act, said.kind, identities);
  if (machine) return machine;
  if (said.kind === 'explanation') return objectionToNext(act, pending, identities);
  const target = explained.get(said.of);
  if (said.kind === 'confirmation') return objectionToDecision(act, target, identities);
  // A withdrawal makes the report stricter, so one person is enough for it.
  if (!target) return { code: 'not_found', why: 'There is no such explanation of this gap.' };
  return target.standing === 'pending' || target.standing === 'confirmed'
    ? undefined
    : { code: 'conflict', why: `The explanation was ${target.standing} before; there is nothing to withdraw.` };
}

function apply(act: GapAct, state: State): void {
  const { said } = act;
  if (said.kind === 'explanation') {
    if (state.pending) state.pending.standing = 'replaced';
    state.pending = { act, what: 'explanation', standing: 'pending' };
    state.explained.set(act.id, state.pending);
    return;
  }
  const target = state.explained.get(said.of);
  if (!target) return;
  target.decidedBy = act;
  if (state.pending === target) delete state.pending;
  if (said.kind === 'withdrawal') {
    target.standing = 'withdrawn';
    if (state.confirmed === target) delete state.confirmed;
    return;
  }
  target.standing = said.decision;
  if (said.decision === 'rejected') return;
  if (state.confirmed) state.confirmed.standing = 'replaced';
  state.confirmed = target;
}

function explanationOf(
  { act, decidedBy }: Explained,
  identities: Identities,
): { readonly explanation: GapExplanation } | undefined {
  if (act.said.kind !== 'explanation') return undefined;
  const { cause, text, reference } = act.said;
  const by = { by: shownBy(act, identities), at: formatMicros(act.at) };
  const confirmed = decidedBy
    ? { confirmed_by: shownBy(decidedBy, identities), confirmed_at: formatMicros(decidedBy.at) }
    : {};
  return { explanation: { id: act.id, cause, text, reference, ...by, ...confirmed } };
}
