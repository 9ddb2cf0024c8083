import type { FrameworkId } from '../../model/control.ts';

/** How much of a requirement chains of access can show: of every transaction, in part, as support only, or nothing. */
export type EvidenceGrade = 'strong' | 'partial' | 'supporting' | 'none';

/** A requirement of a framework, titled in our own words; ids are facts, the text of a standard is not ours to copy. */
export interface Requirement {
  readonly id: string;
  readonly title: string;
  readonly grade: EvidenceGrade;
  /** What an auditor still needs from elsewhere; printed beside the result (controls.md 2.6). */
  readonly stillNeeded?: string;
}

export interface Framework {
  readonly id: FrameworkId;
  readonly title: string;
  readonly edition: string;
  readonly requirements: readonly Requirement[];
}

/** A row as the tables of frameworks are written: id, title, grade, what is still needed. */
export type RequirementRow = readonly [id: string, title: string, grade: EvidenceGrade, stillNeeded?: string];

/** Requirements from rows, in the order of the standard. */
export function requirementsOf(rows: readonly RequirementRow[]): readonly Requirement[] {
  return rows.map(([id, title, grade, stillNeeded]) => ({
    id,
    title,
    grade,
    ...(stillNeeded === undefined ? {} : { stillNeeded }),
  }));
}
