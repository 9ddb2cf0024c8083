import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import type { FrameworkId, Mapping } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { lineOfPath } from '../../model/yaml-line.ts';

/** How much of a requirement chains of access can show: of every transaction, in part, as support only, or nothing. */
export type EvidenceGrade = 'strong' | 'partial' | 'supporting' | 'none';

/** A requirement of a framework, titled in our own words; ids are facts, the text of a standard is not ours to copy. */
export interface Requirement {
  readonly id: string;
  readonly title: string;
  readonly grade: EvidenceGrade;
  /** What a clean result of the tests supports; absent where no test bears on it directly. */
  readonly proven?: string;
  /** What an auditor still needs from elsewhere; printed beside the result (controls.md 2.6). Every framework's file gives it. */
  readonly stillNeeded?: string;
}

export interface Framework {
  readonly id: FrameworkId;
  readonly title: string;
  readonly edition: string;
  readonly requirements: readonly Requirement[];
  /** Which tests bear on which requirements, in the order of the file. */
  readonly mappings: readonly (Mapping & { readonly test: string })[];
}

const requirement = z.strictObject({
  id: z.string().min(1),
  title: z.string().min(1),
  grade: z.enum(['strong', 'partial', 'supporting', 'none']),
  proven: z.string().optional(),
  still_needed: z.string().optional(),
});
const schema = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]{1,30}$/, 'must be a short name of small letters and digits'),
  title: z.string().min(1),
  edition: z.string().min(1),
  requirements: z.array(requirement).min(1),
  mapping: z.record(z.string().regex(/^T-\d{2}$/, 'must be the id of a test, such as T-01'), z.record(z.string(), z.enum(['P', 's']))),
}); // prettier-ignore

/**
 * Reads a framework from the text of its file (YAML): requirements, and which tests bear on them. Faults are named with
 * their lines in one Problem of code `configuration`: unknown fields, a requirement twice, a mapping to none.
 */
export function parseFramework(text: string, file: string): Framework {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0)
    throw new Problem('configuration', `${file}: ${document.errors.map((error) => error.message).join('; ')}`);
  const read = schema.safeParse(document.toJS());
  const line = (path: readonly PropertyKey[]): string => `line ${lineOfPath(document, lines, path) ?? 1}`;
  if (!read.success) {
    const faults = read.error.issues.map((issue) => {
      // Of a key that is wrong, what is wrong stands one level below.
      const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
      return `${line(issue.path)}, ${issue.path.join('.')}: ${message}`;
    });
    throw new Problem('configuration', `${file} is not a framework:\n  ${faults.join('\n  ')}`, { faults });
  }
  const { id, title, edition, requirements, mapping } = read.data;
  const known = new Set<string>();
  const faults: string[] = [];
  for (const [index, { id: own }] of requirements.entries()) {
    if (known.has(own)) faults.push(`${line(['requirements', index])}: ${own} stands here twice`);
    known.add(own);
  }
  for (const [test, to] of Object.entries(mapping))
    for (const own of Object.keys(to))
      if (!known.has(own)) faults.push(`${line(['mapping', test, own])}: there is no requirement ${own}`);
  if (faults.length > 0) throw new Problem('configuration', `${file}:\n  ${faults.join('\n  ')}`, { faults });
  return {
    id,
    title,
    edition,
    requirements: requirements.map(({ id: own, title: name, grade, proven, still_needed: needed }) => ({
      id: own,
      title: name,
      grade,
      ...(proven === undefined ? {} : { proven }),
      stillNeeded: needed ?? BY_GRADE[grade],
    })),
    mappings: Object.entries(mapping).flatMap(([test, to]) =>
      Object.entries(to).map(([own, role]) => ({ test, framework: id, requirement: own, role })),
    ),
  };
}

const BY_GRADE: Readonly<Record<EvidenceGrade, string>> = {
  strong: 'Everything outside the access of pipelines, people and agents that is recorded here',
  partial: 'Everything outside the access of pipelines, people and agents that is recorded here',
  supporting: 'The requirement itself; what is shown here only supports it',
  none: 'All of it: not evidenced by this system',
};
