import type {
  ClassificationState,
  DispositionFact,
  ExceptionDispositions,
  ShownDisposition,
} from '../../model/disposition.ts';
import { formatMicros } from '../../model/time.ts';
import type { Identities } from '../identity.ts';
import { objectionToDecision, objectionToMachine, objectionToNext, shownBy } from './second-person.ts';
import type { Act, Objection, Proposed } from './second-person.ts';

/** One act as the log holds it. `about`: the accounts of those whom the exception is about. */
export interface DispositionAct extends Act {
  readonly about: readonly string[];
  readonly said: DispositionFact;
}

interface Classified extends Proposed {
  readonly act: DispositionAct;
}

interface State {
  readonly classified: Map<string, Classified>;
  response?: ShownDisposition;
  retest?: ShownDisposition;
  confirmed?: Classified;
  pending?: Classified;
}

/**
 * What was said of one exception, from its acts in the order of the log. Each act is judged by what stood before it:
 * one that may not be is kept in the history and has no effect, so that two servers that wrote at the same moment, or two
 * accounts that turn out to be one person, change nothing. Pure: the same acts and identities give the same answer.
 */
export function foldDispositions(
  exception: string,
  acts: readonly DispositionAct[],
  identities: Identities,
): ExceptionDispositions {
  const { state, history } = replay(acts, identities);
  const { response, retest, confirmed, pending } = state;
  return {
    exception,
    state: confirmed ? 'classified' : response ? 'answered' : 'open',
    ...(response ? { response } : {}),
    classification: confirmed
      ? shownState(confirmed, identities)
      : pending
        ? shownState(pending, identities)
        : { state: 'none' },
    ...(confirmed && pending ? { pending: shownState(pending, identities) } : {}),
    ...(retest ? { retest } : {}),
    history,
  };
}

/** Why a next act may not be, given the acts before it; undefined where it may. */
export function objectionTo(
  next: DispositionAct,
  acts: readonly DispositionAct[],
  identities: Identities,
): Objection | undefined {
  return judge(next, replay(acts, identities).state, identities);
}

function replay(
  acts: readonly DispositionAct[],
  identities: Identities,
): { state: State; history: readonly ShownDisposition[] } {
  const state: State = { classified: new Map() };
  const history = acts.map((act): ShownDisposition => {
    const objection = judge(act, state, identities);
    const shown: ShownDisposition = {
      id: act.id,
      at: formatMicros(act.at),
      by: shownBy(act, identities),
      disposition: act.said,
      effect: objection ? 'void' : 'stands',
      ...(objection ? { why: objection.why } : {}),
    };
    if (!objection) apply(act, shown, state);
    return shown;
  });
  return { state, history };
}

function judge(act: DispositionAct, state: State, identities: Identities): Objection | undefined {
  const { said, actor, at } = act;
  if (said.kind === 'retest') return undefined;
  if (act.about.some((key) => identities.sameParty(actor, { kind: 'unknown', key }, at) === true))
    return { code: 'forbidden', why: 'The exception is about whoever says this; somebody else must.' };
  if (said.kind === 'response') return undefined;
  const machine = objectionToMachine(act, said.kind, identities);
  if (machine) return machine;
  return said.kind === 'classification'
    ? objectionToNext(act, state.pending, identities)
    : objectionToDecision(act, state.classified.get(said.of), identities);
}

function apply(act: DispositionAct, shown: ShownDisposition, state: State): void {
  const { said } = act;
  switch (said.kind) {
    case 'response':
      state.response = shown;
      return;
    case 'retest':
      state.retest = shown;
      return;
    case 'classification':
      if (state.pending) state.pending.standing = 'replaced';
      state.pending = { act, what: 'classification', standing: 'pending' };
      state.classified.set(act.id, state.pending);
      return;
    case 'confirmation': {
      const target = state.classified.get(said.of);
      if (!target) return;
      target.standing = said.decision;
      target.decidedBy = act;
      delete state.pending;
      if (said.decision === 'rejected') return;
      if (state.confirmed) state.confirmed.standing = 'replaced';
      state.confirmed = target;
    }
  }
}

function shownState({ act, standing, decidedBy }: Classified, identities: Identities): ClassificationState {
  if (act.said.kind !== 'classification') return { state: 'none' };
  return {
    state: standing === 'confirmed' ? 'confirmed' : 'proposed',
    class: act.said.class,
    ...(act.said.root_cause === undefined ? {} : { root_cause: act.said.root_cause }),
    text: act.said.text,
    id: act.id,
    proposed_by: shownBy(act, identities),
    proposed_at: formatMicros(act.at),
    ...(decidedBy ? { confirmed_by: shownBy(decidedBy, identities), confirmed_at: formatMicros(decidedBy.at) } : {}),
  };
}
