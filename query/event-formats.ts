import type { ChainEvent } from '../model/chain.ts';
import type { SourceState } from '../model/control.ts';
import { csvField, printable } from './escape.ts';

const COLUMNS = [
  'occurred_at',
  'precision',
  'family',
  'instance',
  'type',
  'action',
  'stage',
  'outcome',
  'actor',
  'actor_kind',
  'person',
  'resource',
  'environment',
  'source_ip',
  'event',
  'sentence',
  'findings',
] as const;

/** The first line of a CSV file of events. */
export const CSV_HEADER = `${COLUMNS.join(',')}\r\n`;

/** An event as a line of CSV. */
export function csvLine(event: ChainEvent): string {
  const values: Record<(typeof COLUMNS)[number], string | undefined> = {
    occurred_at: event.occurred_at,
    precision: event.precision,
    family: event.family,
    instance: event.instance,
    type: event.type,
    action: event.action,
    stage: event.stage,
    outcome: event.outcome,
    actor: event.actor.key,
    actor_kind: event.actor.kind,
    person: event.actor.person,
    resource: event.resource,
    environment: event.environment,
    source_ip: event.source_ip,
    event: event.event,
    sentence: event.sentence,
    findings: event.findings?.map((finding) => `${finding.kind}: ${finding.detail}`).join('; '),
  };
  return `${COLUMNS.map((column) => csvField(values[column])).join(',')}\r\n`;
}

/** An event as text: what happened, the name by which to ask for more, and what must be told beside it, a line each. */
export function textLines(event: ChainEvent): string {
  const time = event.occurred_at.replace('T', ' ').slice(0, event.precision === 's' ? 19 : 23);
  return `${time.padEnd(23)}  ${event.stage.padEnd(12)} ${printable(event.sentence)}\n${' '.repeat(38)} ${printable(event.event)}\n${(event.findings ?? []).map((finding) => `${' '.repeat(38)} ! ${finding.kind}: ${printable(finding.detail)}\n`).join('')}`;
}

/**
 * What is said instead of a list that is empty: what was asked, and whether nothing happened or nobody was heard, which
 * is not the same.
 */
export function emptyText(question: string, sources: readonly SourceState[]): string {
  const heard = sources.map(
    (source) => `  ${source.family} ${printable(source.instance)}: ${source.last_received_at ?? 'never'}`,
  );
  const who = heard.length === 0 ? ['No source has sent anything yet.'] : ['Sources were last heard:', ...heard];
  return [`No events: ${printable(question, 1_000)}`, ...who, ''].join('\n');
}
