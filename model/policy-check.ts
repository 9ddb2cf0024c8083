import { LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { z } from 'zod';
import { policySchema } from './policy.ts';
import type { Policy } from './policy.ts';
import { contradictionsOf } from './policy-contradictions.ts';
import { lineOfPath } from './yaml-line.ts';

/** Something about a policy file that its author should know: where, what, and what to do about it. */
export interface PolicyFault {
  /** `error`: the file is refused. `warning`: it is taken, and some test will not say what was meant. */
  readonly severity: 'error' | 'warning';
  readonly line?: number;
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

export interface PolicyCheck {
  readonly faults: readonly PolicyFault[];
  /** The policy, where the file is a valid one. */
  readonly policy?: Policy;
}

/**
 * Looks through the text of a policy file (YAML or JSON): its syntax, its fields, and what contradicts itself. `secrets`
 * are the names that the secrets file holds; where it is left out, names of secrets are not looked at.
 */
export function checkPolicy(text: string, secrets?: ReadonlySet<string>): PolicyCheck {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  if (document.errors.length > 0) {
    const remedy = 'Indent with spaces, close quotes and brackets, and quote a text that holds ": " or "#".';
    return {
      faults: document.errors.map((error) => ({
        severity: 'error',
        line: lines.linePos(error.pos[0]).line,
        path: '(syntax)',
        message: error.message.split('\n')[0] ?? 'is not YAML',
        remedy,
      })),
    };
  }
  const read = policySchema.safeParse(document.toJS() ?? {});
  const at = (path: readonly PropertyKey[]): Pick<PolicyFault, 'line' | 'path'> => {
    const line = lineOfPath(document, lines, path);
    return { path: path.map(String).join('.') || '(top)', ...(line === undefined ? {} : { line }) };
  };
  if (!read.success) return { faults: read.error.issues.flatMap((issue) => faultsOf(issue, document, at)) };
  const found = contradictionsOf(read.data, secrets);
  return {
    policy: read.data,
    faults: found.map(({ path, ...fault }) => ({ ...fault, ...at(path) })).toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)),
  };
} // prettier-ignore

type Issue = z.core.$ZodIssue;

function faultsOf(
  issue: Issue,
  document: Document,
  at: (path: readonly PropertyKey[]) => Pick<PolicyFault, 'line' | 'path'>,
): readonly PolicyFault[] {
  if (issue.code === 'unrecognized_keys') {
    const known = namesAt(issue.path);
    return issue.keys.map((key) => ({
      severity: 'error',
      ...at([...issue.path, key]),
      message: `there is no field "${key}" here`,
      remedy: remedyForName(key, known),
    }));
  }
  const value = document.getIn(issue.path.map(String));
  return [{ severity: 'error', ...at(issue.path), message: issue.message, remedy: remedyOf(issue, value) }];
}

function remedyOf(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_type') {
    if (value === undefined) return `Add this field: ${issue.expected}.`;
    return `Write ${ARTICLE[issue.expected] ?? issue.expected} here${issue.expected === 'string' ? ', in quotes' : ''}.`;
  }
  if (issue.code === 'invalid_value')
    return remedyForName(typeof value === 'string' ? value : '', issue.values.map(String));
  if (issue.code === 'too_small') return `Give at least ${String(issue.minimum)}.`;
  if (issue.code === 'too_big') return `Give at most ${String(issue.maximum)}.`;
  if (issue.code === 'invalid_union') return 'Write it in one of the forms that custody.example.yaml shows.';
  if (issue.code !== 'custom') return 'Compare with custody.example.yaml, which shows every section.';
  return issue.message.includes('time with a zone')
    ? 'Write it in quotes with its zone: "2026-01-31T00:00:00Z".'
    : 'Try the expression on a sample; a backslash is written twice in double quotes, once in single quotes.';
}

const ARTICLE: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list: lines that begin with "- "',
  object: 'fields with names, one a line',
  record: 'fields with names, one a line',
};

function remedyForName(given: string, known: readonly string[]): string {
  const nearest = known
    .map((name) => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)[0];
  const list = known.length === 0 ? '' : ` Known here: ${known.join(', ')}.`;
  return nearest && nearest.distance <= Math.max(2, Math.floor(given.length / 3))
    ? `Did you mean "${nearest.name}"?${list}`
    : `Remove it, or use a name that is known.${list}`;
}

/** The names of fields at a place of the schema; none where it takes any name. */
function namesAt(path: readonly PropertyKey[]): readonly string[] {
  let node: unknown = SCHEMA;
  for (const step of path) {
    const { properties, items, additionalProperties } = (node ?? {}) as Readonly<Record<string, unknown>>;
    node = typeof step === 'number' ? items : ((properties as Record<string, unknown> | undefined)?.[String(step)] ?? additionalProperties);
  }
  return Object.keys((node as { properties?: object } | undefined)?.properties ?? {});
} // prettier-ignore

const SCHEMA: unknown = z.toJSONSchema(policySchema, { io: 'input', unrepresentable: 'any', reused: 'inline' });

/** Letters to change, add or drop from one word to another. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split('').entries())
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
