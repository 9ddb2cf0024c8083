import { readFileSync, statSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { Problem } from '../../model/problem.ts';

/**
 * The secrets of the transports by the names that the policy file gives them. The values are out of reach of
 * `JSON.stringify`, string conversion and inspection, so that a secret cannot slip into a log line by way of its holder.
 */
export interface Secrets {
  /** The secret of a name; a Problem of code `configuration` if there is none. */
  get(name: string): string;
  readonly names: readonly string[];
}

const MIN_SECRET_CHARS = 16;
const secretsSchema = z.record(z.string().min(1), z.string().min(MIN_SECRET_CHARS).max(4_096));

/** Secrets from a plain record, as tests and the demo have them. */
export function secretsFrom(record: Readonly<Record<string, string>>): Secrets {
  const read = secretsSchema.safeParse(record);
  if (!read.success) {
    const faults = read.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
    throw new Problem('configuration', `the secrets are not usable:\n  ${faults.join('\n  ')}`, { faults });
  }
  const held = new Map(Object.entries(read.data));
  return {
    names: [...held.keys()],
    get(name) {
      const secret = held.get(name);
      if (secret === undefined)
        throw new Problem('configuration', `the secrets file has no entry "${name}", which the policy file names`);
      return secret;
    },
  };
}

/**
 * Reads the secrets file: YAML or JSON, `name: value` a line. It must be a file of the running user's that nobody else
 * can read (mode 0600 or less), because whoever reads it can write history. Faults name entries, never values.
 */
export function loadSecrets(path: string): Secrets {
  let text: string;
  try {
    const { mode, uid } = statSync(path);
    if ((mode & 0o077) !== 0)
      throw new Problem('configuration', `${path} can be read by others; run: chmod 600 ${path}`);
    if (process.getuid && uid !== process.getuid() && uid !== 0)
      throw new Problem('configuration', `${path} belongs to another user`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('configuration', `the secrets file ${path} cannot be read`, {}, error);
  }
  const read = parseDocument(text);
  // The parser's own message quotes the line, and with it a secret.
  if (read.errors.length > 0) throw new Problem('configuration', `${path} is neither YAML nor JSON`);
  const document: unknown = read.toJS() ?? {};
  if (document === null || typeof document !== 'object' || Array.isArray(document))
    throw new Problem('configuration', `${path} must hold "name: value" lines`);
  return secretsFrom(document as Record<string, string>);
}
