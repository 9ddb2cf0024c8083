import type { RedactionRule } from '../sources/adapter.ts';

/**
 * Where a walk through a JSON value stands in the path rules. A deterministic automaton, built as it is walked: its
 * alphabet is the segments that the rules name, so what a sender writes cannot make it grow.
 */
export interface PathState {
  /** Rules whose path is complete here: the value, whatever it is, is theirs. */
  readonly whole: readonly RedactionRule[];
  /** Rules ending in `**`: theirs are the strings and numbers from here down. */
  readonly leaves: readonly RedactionRule[];
  /** No rule can be completed below here. */
  readonly dead: boolean;
  readonly next: (segment: string) => PathState;
  /** The same for the index of an array. */
  readonly nextIndex: (index: number) => PathState;
}

/** The start of the automaton for the rules of an adapter, at the top of a native event. */
export function compilePathRules(rules: readonly RedactionRule[]): PathState {
  const alphabet = new Set(rules.flatMap((rule) => rule.path).filter((segment) => segment !== '*' && segment !== '**'));
  const hasIndexes = [...alphabet].some((segment) => /^\d+$/.test(segment));
  const states = new Map<string, PathState>();

  function stateOf(places: readonly Place[]): PathState {
    const name = places.map(({ rule, at }) => `${rule}:${at}`).join(' ');
    const known = states.get(name);
    if (known !== undefined) return known;
    const state = makeState(places);
    states.set(name, state);
    return state;
  }

  function makeState(places: readonly Place[]): PathState {
    const steps = new Map<string, PathState>();
    let other: PathState | undefined;
    const rulesAt = (wanted: (rule: RedactionRule, at: number) => boolean): RedactionRule[] =>
      places.flatMap(({ rule, at }) => (rules[rule] !== undefined && wanted(rules[rule], at) ? [rules[rule]] : []));
    const next = (segment: string): PathState => {
      if (!alphabet.has(segment)) return (other ??= stateOf(step(rules, places, undefined)));
      let state = steps.get(segment);
      if (state === undefined) steps.set(segment, (state = stateOf(step(rules, places, segment))));
      return state;
    };
    return {
      whole: rulesAt((rule, at) => at === rule.path.length && rule.path.at(-1) !== '**'),
      leaves: rulesAt((rule, at) => at === rule.path.length && rule.path.at(-1) === '**'),
      dead: !places.some(({ rule, at }) => at < (rules[rule]?.path.length ?? 0)),
      next,
      nextIndex: (index) => (hasIndexes ? next(String(index)) : (other ??= stateOf(step(rules, places, undefined)))),
    };
  }

  return stateOf(
    close(
      rules,
      rules.map((_, rule) => ({ rule, at: 0 })),
    ),
  );
}

/** A rule and how many of its segments lie behind. */
interface Place {
  readonly rule: number;
  readonly at: number;
}

/** The places after one segment; undefined stands for any segment that no rule names. */
function step(rules: readonly RedactionRule[], places: readonly Place[], segment: string | undefined): Place[] {
  const after = places.flatMap(({ rule, at }): Place[] => {
    const wanted = rules[rule]?.path[at];
    if (wanted === '**') return [{ rule, at }];
    return wanted === '*' || (wanted !== undefined && wanted === segment) ? [{ rule, at: at + 1 }] : [];
  });
  return close(rules, after);
}

/** Adds the places that are reached because `**` may stand for no segment at all; sorted, each once. */
function close(rules: readonly RedactionRule[], places: readonly Place[]): Place[] {
  const reached = new Map<string, Place>();
  for (const place of places) {
    let { at } = place;
    reached.set(`${place.rule}:${at}`, place);
    while (rules[place.rule]?.path[at] === '**') {
      at += 1;
      reached.set(`${place.rule}:${at}`, { rule: place.rule, at });
    }
  }
  return [...reached.values()].toSorted((a, b) => a.rule - b.rule || a.at - b.at);
}
