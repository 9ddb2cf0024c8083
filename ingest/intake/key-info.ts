import { classifyName } from '../../model/secret-names.ts';
import type { NameClass } from '../../model/secret-names.ts';
import { findSecrets } from '../../model/secret-scan.ts';
import { ESCAPED } from './json-scalar.ts';
import { rawText } from './tape-walk.ts';
import type { ReadText } from './tape-walk.ts';

/** What a key says, found once for each text. */
export interface KeyInfo {
  readonly text: string;
  readonly name: NameClass;
  /** The rule by which the key itself is a secret. */
  readonly secret: string | undefined;
  /** It is "value": a sibling `key` or `name` may say what the value is. */
  readonly isValue: boolean;
}

const SLOTS = 4_096;
const LONGEST_KEPT = 64;
// A source repeats a few hundred keys for ever. One slot a hash: whoever makes keys up only pushes others out.
const slots: (KeyInfo | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

/** Judges the key at a token. */
export function keyInfoAt(read: ReadText, token: number): KeyInfo {
  const { tape, text } = read;
  if (((tape.kinds[token] ?? 0) & ESCAPED) !== 0) return judge(rawText(read, token));
  const start = (tape.starts[token] ?? 0) + 1;
  const length = (tape.ends[token] ?? 0) - 1 - start;
  const slot = (tape.links[token] ?? 0) & (SLOTS - 1);
  const found = slots[slot];
  if (found !== undefined && found.text.length === length && text.startsWith(found.text, start)) return found;
  const info = judge(rawText(read, token));
  if (length <= LONGEST_KEPT && info.secret === undefined) slots[slot] = info;
  return info;
}

function judge(text: string): KeyInfo {
  return { text, name: classifyName(text), secret: findSecrets(text)[0]?.rule, isValue: /^value$/i.test(text) };
}
