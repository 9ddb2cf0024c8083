import type { Teller } from './flow.ts';

/** An exception that a control test must note: the test and the attribute that names it. */
export type Expected = readonly [test: string, attribute: string];

/** Something that an auditor should find in the quarter. Each has a day (UTC) of its own, so that what is found can be told apart. */
export interface Planting {
  /** Milliseconds UTC. */
  readonly at: number;
  /** What happened, in one line. */
  readonly what: string;
  /** Every exception that comes of it, and no other. */
  readonly exceptions: readonly Expected[];
  /** Tells it; absent where a register of the policy file tells it. */
  readonly tell?: (teller: Teller, at: number) => void;
}

/** The uses of production whose chain is not whole because of it. */
export function brokenChains(uses: number): readonly Expected[] {
  return Array.from({ length: uses }, () => ['T-38', 'incomplete_chain'] as const);
}
