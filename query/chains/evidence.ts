import type { EvidenceVerdict } from '../../model/chain.ts';
import type { SourceState } from '../../model/control.ts';
import { formatMicros, parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { Rules } from './rules.ts';
import type { Flow } from './walk-flow.ts';

export interface Evidence {
  readonly verdict: EvidenceVerdict;
  readonly reasons: readonly string[];
  /** Families whose events may still come for this flow: their lateness is not over yet. */
  readonly open: ReadonlySet<string>;
}

/**
 * Whether the sources allow the answer that a chain gives: each source that told of the flow must have been read past
 * the flow's end and its own lateness (`open` until then), without a gap meanwhile (`complete_with_gaps`). `unprovable`
 * where what is needed was never there to be seen or two stories were told of one event. As of a moment, never "now".
 */
export function judgeEvidence(
  flow: Flow,
  rules: Rules,
  sources: readonly SourceState[],
  asOf: Micros,
  unobservable: readonly string[],
): Evidence {
  const times = flow.events.map((event) => event.occurredAt);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const open = new Set<string>();
  const late: string[] = [];
  const gaps: string[] = [];
  for (const source of sourcesOf(flow, sources)) {
    const until = to + rules.latenessS(source.family, source.instance) * 1_000_000;
    const read = Math.min(asOf, micros(source.last_received_at) ?? 0);
    if (read < until) {
      open.add(source.family);
      late.push(
        `${source.family} ${source.instance} is read until ${formatMicros(read)}; events of this flow may come until ${formatMicros(until)}`,
      );
    }
    for (const gap of source.gaps) {
      const [start, end] = [micros(gap.from) ?? 0, micros(gap.to) ?? Number.MAX_SAFE_INTEGER];
      if (start <= to && end >= from)
        gaps.push(`${source.family} ${source.instance} has a gap ${gap.from} to ${gap.to}: ${gap.reason}`);
    }
  }
  for (const id of unknownSources(flow, sources)) late.push(`nothing is known of how far ${id} was read`);
  const unproven = [...unobservable, ...contradictions(flow)];
  const verdict =
    unproven.length > 0 ? 'unprovable' : late.length > 0 ? 'open' : gaps.length > 0 ? 'complete_with_gaps' : 'complete';
  return { verdict, reasons: [...unproven, ...late, ...gaps], open };
}

/** The sources that told of the flow, as they stand in the store. */
function sourcesOf(flow: Flow, sources: readonly SourceState[]): readonly SourceState[] {
  const named = new Set(flow.events.map((event) => `${event.family} ${event.instance}`));
  return sources.filter((source) => named.has(`${source.family} ${source.instance}`));
}

function unknownSources(flow: Flow, sources: readonly SourceState[]): readonly string[] {
  const known = new Set(sources.map((source) => `${source.family} ${source.instance}`));
  const named = new Set(flow.events.map((event) => `${event.family} ${event.instance}`));
  return [...named].filter((id) => !known.has(id)).toSorted();
}

function contradictions(flow: Flow): readonly string[] {
  return flow.findings.filter((finding) => finding.kind === 'contested_credential').map((finding) => finding.detail);
}

function micros(text: string | undefined): Micros | undefined {
  return text === undefined ? undefined : parseStamp(text)?.at;
}
