import { classifyName } from '../../model/secret-names.ts';
import type { NameClass } from '../../model/secret-names.ts';
import { findSecrets } from '../../model/secret-scan.ts';

/** What the text of a key says, found once for each text. */
export interface KeyInfo {
  readonly name: NameClass;
  /** The rule by which the key itself is a secret. */
  readonly secret: string | undefined;
  /** It is "value": a sibling `key` or `name` may say what the value is. */
  readonly isValue: boolean;
}

const MOST_KEYS = 4_096;
const LONGEST_KEY = 64;
const known = new Map<string, KeyInfo>();

/** Judges a key. The texts of short keys are remembered, because a source repeats a few hundred of them for ever. */
export function keyInfoOf(text: string): KeyInfo {
  const found = known.get(text);
  if (found !== undefined) return found;
  const info: KeyInfo = {
    name: classifyName(text),
    secret: findSecrets(text)[0]?.rule,
    isValue: /^value$/i.test(text),
  };
  if (text.length > LONGEST_KEY || info.secret !== undefined) return info;
  // A sender that makes keys up only costs the memory of what was known.
  if (known.size >= MOST_KEYS) known.clear();
  known.set(text, info);
  return info;
}
