import { base64Words, decodeUrl } from './secret-decode.ts';
import { isHarmlessValue, isRandomWord } from './secret-names.ts';
import type { NameClass } from './secret-names.ts';
import { findAssigned, findFlags, findParameters, findUserinfo } from './secret-text.ts';
import type { SecretHit } from './secret-text.ts';
import { findNamedTokens, findUnnamedTokens } from './secret-tokens.ts';
import { mayHoldSecret, TRAIT, traitsOf } from './secret-traits.ts';

const SHORTEST_UNNAMED = 26;

/**
 * Finds secrets in one text (sources.md 3.6): tokens that name themselves, authorization headers, passwords in URLs,
 * `name=value` and query parameters, also behind one percent- or base64-encoding. Hits are in order and do not overlap;
 * positions are those of the text as given. Keys' ids (AKIA..., ASIA...), digests, UUIDs, keyed hashes and object names
 * are no secrets. Linear time.
 */
export function findSecrets(text: string): readonly SecretHit[] {
  const hits: SecretHit[] = [];
  const traits = findPlain(text, hits);
  if (!mayHoldSecret(traits, text.length)) return hits;
  const decoded = (traits & TRAIT.assign) === 0 ? undefined : decodeUrl(text);
  if (decoded !== undefined) {
    const inner: SecretHit[] = [];
    findPlain(decoded.text, inner);
    for (const { start, end, rule } of inner) {
      hits.push({ start: decoded.places[start] ?? 0, end: decoded.places[end] ?? text.length, rule });
    }
  }
  const isMixedCase = (traits & (TRAIT.upper | TRAIT.lower)) === (TRAIT.upper | TRAIT.lower);
  for (const word of isMixedCase ? base64Words(text) : []) {
    const inner: SecretHit[] = [];
    findPlain(word.text, inner);
    if (inner[0] !== undefined) hits.push({ start: word.start, end: word.end, rule: inner[0].rule });
  }
  return hits.length < 2 ? hits : mergeHits(hits);
}

/** What stands in the text as it is. Gives the traits of the text. */
function findPlain(text: string, hits: SecretHit[]): number {
  const report = (start: number, end: number, rule: string): void => {
    if (end > start) hits.push({ start, end, rule });
  };
  findNamedTokens(text, report);
  const traits = traitsOf(text);
  if (!mayHoldSecret(traits, text.length)) return traits;
  const has = (trait: number): boolean => (traits & trait) === trait;
  if (text.length >= SHORTEST_UNNAMED && has(TRAIT.upper | TRAIT.lower | TRAIT.digit)) findUnnamedTokens(text, report);
  if (has(TRAIT.colon) && text.includes('://')) findUserinfo(text, report);
  if ((traits & (TRAIT.assign | TRAIT.colon)) !== 0) findAssigned(text, report);
  if (has(TRAIT.assign)) findParameters(text, report);
  if (has(TRAIT.dash | TRAIT.space)) findFlags(text, report);
  return traits;
}

/**
 * What is secret in the value of a field: the whole of it if the name says so, else what `findSecrets` finds. `issuer`
 * also counts the names that no issuer's event may have (`code`, `signature`: sources.md 3.6).
 */
export function findSecretsInField(name: NameClass, value: string, issuer: boolean): readonly SecretHit[] {
  if (value.length === 0) return [];
  if (name === 'plain' || (name === 'issuer' && !issuer)) return findInText(value, issuer);
  if (isHarmlessValue(value)) return [];
  if (name === 'suspect') {
    return isRandomWord(value) && !issuer
      ? [{ start: 0, end: value.length, rule: 'random' }]
      : findInText(value, issuer);
  }
  return [{ start: 0, end: value.length, rule: 'field' }];
}

// The rule of the contract, which is stricter than what is redacted elsewhere: there "Bearer authentication-failed" stays.
const CONTRACT_BEARER = /bearer\s{1,8}\S{16,}/i;

function findInText(text: string, issuer: boolean): readonly SecretHit[] {
  const hits = findSecrets(text);
  if (!issuer || hits.length > 0) return hits;
  const match = CONTRACT_BEARER.exec(text);
  return match === null ? hits : [{ start: match.index, end: match.index + match[0].length, rule: 'bearer' }];
}

/** The text with each hit replaced by `[REDACTED:<rule>]`; the same text if nothing was found. */
export function redactText(text: string, hits: readonly SecretHit[]): string {
  let result = '';
  let from = 0;
  for (const { start, end, rule } of hits) {
    result += `${text.slice(from, start)}[REDACTED:${rule}]`;
    from = end;
  }
  return result + text.slice(from);
}

/** A free text made fit for storing: its secrets replaced. For what is no JSON, such as a header or an error message. */
export function redactSecrets(text: string): string {
  return redactText(text, findSecrets(text));
}

/** Sorts hits and joins those that overlap; the name is that of the hit that begins first, the longer one at a tie. */
function mergeHits(hits: SecretHit[]): SecretHit[] {
  const merged: SecretHit[] = [];
  for (const hit of hits.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last === undefined || hit.start >= last.end) merged.push(hit);
    else if (hit.end > last.end) merged[merged.length - 1] = { ...last, end: hit.end };
  }
  return merged;
}
