import { hash } from 'node:crypto';
import { z } from 'zod';
import type { SourceGap } from './control.ts';
import { confirmation } from './disposition.ts';
import type { DisposedBy } from './disposition.ts';
import { GAP_CAUSES } from './gap-cause.ts';
import { parseStamp } from './time.ts';

/**
 * Why a gap of a stream is none that keeps a control test from a conclusion (controls.md 2.3 rule 2). The gap itself is a
 * fact: it stays in every report, with the words and the two people who stand for them.
 */

const words = z.string().trim().min(1).max(4_000);

const explanation = z.strictObject({
  kind: z.literal('explanation'),
  cause: z.enum(GAP_CAUSES),
  text: words,
  /** Where the evidence of it is: a change, a ticket, a second pull. It is shown as text, never as a link. */
  reference: z.string().trim().min(1).max(512),
});
const withdrawal = z.strictObject({
  kind: z.literal('withdrawal'),
  /** The explanation that is taken out of force. */
  of: z.uuid(),
  text: words,
});

/** What somebody says of a gap: sent by the caller and kept as it is. */
export const gapSaying = z.discriminatedUnion('kind', [explanation, confirmation, withdrawal]);
export type GapSaying = z.output<typeof gapSaying>;

/** Counters, silences and second pulls can be explained: there the source may have had nothing to send, or it is held. */
export const EXPLAINABLE_GAPS = ['sequence', 'silence', 'reconciliation'] as const;
export type ExplainableGap = (typeof EXPLAINABLE_GAPS)[number];

/**
 * Whether words can stand for what is missing. Never for what our own log lost, nor for what a digest of the source names:
 * there it is certain that something was there.
 */
export function isExplainable(gap: Pick<SourceGap, 'kind'>): boolean {
  return EXPLAINABLE_GAPS.some((kind) => kind === gap.kind);
}

/** The source that a gap is of. */
export interface GapPlace {
  readonly family: string;
  readonly instance: string;
}

/**
 * The id of a gap: its stretch (microseconds UTC, base 36), so that it can be looked up by its id alone, and the first 24
 * hexadecimal digits of SHA-256 over domain, tenant, family, installation, kind, stretch and what is missing, a line each. Once
 * one missing row arrives, what is left is another gap, of which nothing has been said.
 */
export function gapIdOf(tenant: string, { family, instance }: GapPlace, gap: SourceGap): string {
  const [from, to] = [parseStamp(gap.from)?.at ?? 0, parseStamp(gap.to)?.at ?? 0];
  const text = ['custody-gap/v1', tenant, family, instance, gap.kind ?? '', String(from), String(to), gap.reason].join('\n');
  return `G-${from.toString(36)}-${to.toString(36)}-${hash('sha256', text, 'hex').slice(0, 24)}`;
} // prettier-ignore

/** The form of such an id. */
export const GAP_ID = /^G-[0-9a-z]{1,11}-[0-9a-z]{1,11}-[0-9a-f]{24}$/;

/** The stretch that an id names, microseconds UTC; undefined for a text that is no id. */
export function stretchOf(id: string): { readonly from: number; readonly to: number } | undefined {
  if (!GAP_ID.test(id)) return undefined;
  const [, from = '', to = ''] = id.split('-');
  const stretch = { from: Number.parseInt(from, 36), to: Number.parseInt(to, 36) };
  return Number.isSafeInteger(stretch.to) && stretch.from <= stretch.to ? stretch : undefined;
}

/** The gap as it stood when something was said of it. */
export const toldGap = z.strictObject({
  id: z.string().regex(GAP_ID),
  family: z.string().min(1).max(512),
  instance: z.string().max(512),
  kind: z.enum(EXPLAINABLE_GAPS),
  from: z.string().max(40),
  to: z.string().max(40),
  reason: z.string().max(2_000),
});
export type ToldGap = z.output<typeof toldGap>;

/** One act, as it is shown. `void`: it was kept, and has no effect for the reason that is given. */
export interface ShownGapAct {
  readonly id: string;
  readonly at: string;
  readonly by: DisposedBy;
  readonly said: GapSaying;
  readonly effect: 'stands' | 'void';
  readonly why?: string;
}

/** An explanation with those who stand for it. Times are text in UTC. */
export interface GapExplanation {
  readonly id: string;
  readonly cause: (typeof GAP_CAUSES)[number];
  readonly text: string;
  readonly reference: string;
  readonly by: DisposedBy;
  readonly at: string;
  readonly confirmed_by?: DisposedBy;
  readonly confirmed_at?: string;
}

/** Where a gap stands by a moment; the history is in the order of the log, and holds everything. */
export interface GapStanding {
  readonly gap: string;
  /** open: blocks; proposed: blocks until a second person confirms; explained: no longer keeps a test from a conclusion. */
  readonly state: 'open' | 'proposed' | 'explained';
  /** In force, or the one that waits where none is. */
  readonly explanation?: GapExplanation;
  readonly history: readonly ShownGapAct[];
}
