import { classifyName } from '../../model/secret-names.ts';
import type { NameClass } from '../../model/secret-names.ts';
import { findSecrets, findSecretsInField } from '../../model/secret-scan.ts';
import { isAwsSecret } from '../../model/secret-tokens.ts';

/** Token material in an event: where it stands and the rule that found it, never what was found. */
export interface Material {
  readonly path: string;
  readonly rule: string;
}

/**
 * Finds token material in an event by the rules of the door (sources.md 3.1, 3.6): tokens that name themselves in any
 * text or key, values of fields that are called token, password, code and the like, public keys in full below `cnf`.
 * The JSON must be of bounded depth.
 */
export function findMaterial(event: unknown): readonly Material[] {
  const found: Material[] = [];
  walk(event, '', 'plain', undefined, found);
  return found;
}

type Members = Readonly<Record<string, unknown>>;

function walk(value: unknown, path: string, name: NameClass, parent: Members | undefined, found: Material[]): void {
  if (typeof value === 'string') {
    const rule = ruleOf(value, name, parent);
    if (rule !== undefined) found.push({ path, rule });
    return;
  }
  if (value === null || typeof value !== 'object') return;
  if (Array.isArray(value)) {
    value.forEach((item, index) => walk(item, `${path}[${index}]`, name, undefined, found));
    return;
  }
  const members = value as Members;
  for (const [key, item] of Object.entries(members)) {
    const secretKey = findSecrets(key)[0];
    const inner = path === '' ? shown(key) : `${path}.${shown(key)}`;
    if (secretKey !== undefined) found.push({ path: `${path} (a name in it)`, rule: secretKey.rule });
    if (key === 'jwk' && /(?:^|\.)cnf$/.test(path)) found.push({ path: inner, rule: 'key' });
    else walk(item, inner, nameOf(key, members), members, found);
  }
}

function shown(key: string): string {
  return findSecrets(key).length > 0 ? '[withheld]' : key.slice(0, 64);
}

// In lists of name and value, the name says what the value is.
function nameOf(key: string, members: Members): NameClass {
  const own = classifyName(key);
  if (own !== 'plain' || !/^value$/i.test(key)) return own;
  const sibling = Object.entries(members).find(([name, value]) => /^(?:key|name)$/i.test(name) && isText(value));
  return sibling === undefined ? own : classifyName(String(sibling[1]));
}

function ruleOf(value: string, name: NameClass, parent: Members | undefined): string | undefined {
  const hit = findSecretsInField(name, value, true)[0];
  if (hit !== undefined) return hit.rule;
  // An id of an AWS key may be told; a random word of 40 characters beside it is its secret.
  const besideAwsId =
    value.length === 40 &&
    parent !== undefined &&
    isAwsSecret(value) &&
    Object.values(parent).some((item) => isText(item) && /^A[KS]IA[A-Z0-9]{16}$/.test(item));
  return besideAwsId ? 'aws_secret_key' : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
