import { classifyName, isHarmlessValue } from '../../model/secret-names.ts';
import type { NameClass } from '../../model/secret-names.ts';
import { findSecrets, findSecretsInField, redactText } from '../../model/secret-scan.ts';
import { hasAnchor, isAwsSecret } from '../../model/secret-tokens.ts';
import { mayHoldSecret } from '../../model/secret-traits.ts';
import type { RedactionRule } from '../sources/adapter.ts';
import { redactPart } from '../sources/redact-part.ts';
import type { TextPart } from '../sources/redact-part.ts';
import { applyEdits, noteRedaction, replaceToken } from './element-walk.ts';
import type { Frame, RedactionPlan, Walk } from './element-walk.ts';
import { ESCAPED, KIND } from './json-scalar.ts';
import { keyInfoAt } from './key-info.ts';
import type { PathState } from './path-rules.ts';
import type { ScanFault, ScannedElement } from './scan-types.ts';
import { afterValue, findPath, hasRepeatedKey, kindOf, keysOf, rawText, readText } from './tape-walk.ts';
import type { ReadText } from './tape-walk.ts';

const PROTOTYPE = 'a key that could change the prototype of objects';

/** Checks and redacts one element of a tape. The walk is iterative and touches each token once. */
export function redactElement(read: ReadText, root: number, plan: RedactionPlan): ScannedElement | ScanFault {
  const walk: Walk = {
    read,
    root,
    plan,
    frames: [],
    edits: [],
    redactions: [],
    keys: 0,
    duplicateKeys: false,
    fault: undefined,
    meant: new Map(),
  };
  const { tape } = read;
  const end = afterValue(tape, root);
  let token = root;
  while (token < end && walk.fault === undefined) {
    while (walk.frames.length > 0 && (tape.links[walk.frames.at(-1)?.token ?? 0] ?? 0) <= token) walk.frames.pop();
    const frame = walk.frames.at(-1);
    if (frame !== undefined && kindOf(tape, token) === KIND.key) {
      visitKey(walk, frame, token);
      token += 1;
    } else token = visitValue(walk, frame, token);
  }
  if (walk.fault !== undefined) return walk.fault;
  return { value: applyEdits(walk), redactions: walk.redactions, duplicateKeys: walk.duplicateKeys };
}

function visitKey(walk: Walk, frame: Frame, token: number): void {
  const { read, plan } = walk;
  walk.keys += 1;
  const position = read.tape.starts[token] ?? 0;
  if (walk.keys > plan.limits.maxKeys) {
    walk.fault = { reason: 'bounds', detail: `more than ${plan.limits.maxKeys} keys in one event`, position };
    return;
  }
  const info = keyInfoAt(read, token);
  const { text } = info;
  if (text === '__proto__' || (text === 'prototype' && frame.ofConstructor)) {
    walk.fault = { reason: 'invalid_json', detail: PROTOTYPE, position };
    return;
  }
  frame.key = token;
  frame.valueState = frame.state.dead ? frame.state : frame.state.next(text);
  frame.valueName = info.name;
  frame.isPairValue = info.isValue;
  frame.isConstructor = text === 'constructor';
  if (info.secret === undefined) return;
  const count = walk.redactions.length;
  replaceToken(walk, token, `[REDACTED:${info.secret}${count === 0 ? '' : `:${count + 1}`}]`, info.secret);
}

/** Handles a value and gives the token to go on with. */
function visitValue(walk: Walk, frame: Frame | undefined, token: number): number {
  const { read, plan } = walk;
  const kind = kindOf(read.tape, token);
  const isItem = frame !== undefined && kindOf(read.tape, frame.token) === KIND.array;
  if (isItem) frame.index += 1;
  const state = frame === undefined ? plan.rules : isItem ? itemState(frame) : frame.valueState;
  const rule = ruleFor(walk, frame, state, kind, token);
  if (rule?.part !== undefined && kind === KIND.string) {
    visitPart(walk, token, rule.part, rule.rule);
    return token + 1;
  }
  // Where text may hold JSON, the JSON may also stand there itself, and is walked like the rest.
  if (rule !== undefined && rule.part !== 'json') {
    replaceToken(walk, token, `[REDACTED:${rule.rule}]`, rule.rule);
    return afterValue(read.tape, token);
  }
  const name = frame === undefined ? 'plain' : isItem ? frame.name : frame.valueName;
  if (kind === KIND.string) visitString(walk, frame, name, token);
  if (kind === KIND.object || kind === KIND.array) {
    if (kind === KIND.object && !walk.duplicateKeys)
      walk.duplicateKeys = hasRepeatedKey(read, token, plan.limits.maxKeys);
    const ofConstructor = frame !== undefined && !isItem && frame.isConstructor;
    walk.frames.push({
      token,
      state,
      name: kind === KIND.array ? name : 'plain',
      ofConstructor,
      key: token,
      index: -1,
      valueState: state,
      valueName: 'plain',
      isPairValue: false,
      isConstructor: false,
      pairName: undefined,
      hasAwsId: undefined,
    });
  }
  return token + 1;
}

function itemState(frame: Frame): PathState {
  return frame.state.dead ? frame.state : frame.state.nextIndex(frame.index);
}

function ruleFor(
  walk: Walk,
  frame: Frame | undefined,
  state: PathState,
  kind: number,
  token: number,
): RedactionRule | undefined {
  const isLeaf = kind === KIND.string || kind === KIND.number;
  if (kind === KIND.literal || (state.whole.length === 0 && (!isLeaf || state.leaves.length === 0))) return undefined;
  if (kind === KIND.string && isHarmlessValue(rawText(walk.read, token))) return undefined;
  const applies = (rule: RedactionRule): boolean => !isKept(walk, frame, rule) && isMeant(walk, rule);
  return state.whole.find(applies) ?? (isLeaf ? state.leaves.find(applies) : undefined);
}

function isKept(walk: Walk, frame: Frame | undefined, rule: RedactionRule): boolean {
  if (frame === undefined || kindOf(walk.read.tape, frame.token) !== KIND.object) return false;
  if (rule.except?.includes(rawText(walk.read, frame.key)) === true) return true;
  if (rule.keep === undefined) return false;
  const name = pairNameOf(walk, frame);
  return name !== null && (rule.keep.includes(name) || walk.plan.keep.has(name));
}

function isMeant(walk: Walk, rule: RedactionRule): boolean {
  if (rule.when === undefined) return true;
  let meant = walk.meant.get(rule);
  if (meant === undefined) {
    const token = findPath(walk.read, walk.root, rule.when.path);
    const isText = token !== undefined && kindOf(walk.read.tape, token) === KIND.string;
    meant = isText && rule.when.in.includes(readText(walk.read, token));
    walk.meant.set(rule, meant);
  }
  return meant;
}

/** Replaces a part of a string by a rule, and the secrets that are in the rest of it. */
function visitPart(walk: Walk, token: number, part: TextPart, rule: string): void {
  const text = readText(walk.read, token);
  const without = part === 'json' ? walk.plan.redactJson(text, rule) : redactPart(text, part, rule);
  if (without !== text) noteRedaction(walk, token, rule);
  // Text that holds JSON was scanned in the same way as the text around it.
  const hits = part === 'json' && without !== text ? [] : findSecrets(without);
  for (const hit of hits) noteRedaction(walk, token, hit.rule);
  const result = redactText(without, hits);
  const { starts, ends } = walk.read.tape;
  if (result === text) return;
  walk.edits.push({ start: starts[token] ?? 0, end: ends[token] ?? 0, text: JSON.stringify(result) });
}

function visitString(walk: Walk, frame: Frame | undefined, fieldName: NameClass, token: number): void {
  const { read, plan } = walk;
  let name = fieldName;
  if (name === 'plain' && frame?.isPairValue === true) name = classifyName(pairNameOf(walk, frame) ?? '');
  if (name === 'plain' && !isWorthALook(read, token)) return;
  const text = rawText(read, token);
  const issuer = plan.secrets === 'refuse';
  let hits = findSecretsInField(name, text, issuer);
  if (hits.length === 0 && text.length === 40 && frame !== undefined && isAwsSecret(text) && hasAwsId(walk, frame)) {
    hits = [{ start: 0, end: text.length, rule: 'aws_secret_key' }];
  }
  for (const hit of hits) noteRedaction(walk, token, hit.rule);
  if (hits.length === 0 || walk.fault !== undefined) return;
  const start = read.tape.starts[token] ?? 0;
  const end = read.tape.ends[token] ?? 0;
  if (((read.tape.kinds[token] ?? 0) & ESCAPED) !== 0) {
    walk.edits.push({ start, end, text: JSON.stringify(redactText(text, hits)) });
    return;
  }
  for (const hit of hits) {
    walk.edits.push({ start: start + 1 + hit.start, end: start + 1 + hit.end, text: `[REDACTED:${hit.rule}]` });
  }
}

/** Whether any rule could find anything, by what was seen of the string when it was read. */
function isWorthALook({ tape, text, anchored }: ReadText, token: number): boolean {
  const start = tape.starts[token] ?? 0;
  const end = tape.ends[token] ?? 0;
  if (((tape.kinds[token] ?? 0) & ESCAPED) !== 0 || mayHoldSecret(tape.links[token] ?? 0, end - start - 2)) return true;
  return anchored && hasAnchor(text, start + 1, end - 1);
}

/** The text of a member `key` or `name` of the object, by which lists of name and value say what a value is. */
function pairNameOf(walk: Walk, frame: Frame): string | null {
  if (frame.pairName !== undefined) return frame.pairName;
  frame.pairName = null;
  for (const key of keysOf(walk.read.tape, frame.token)) {
    if (kindOf(walk.read.tape, key + 1) !== KIND.string || !/^(?:key|name)$/i.test(rawText(walk.read, key))) continue;
    frame.pairName = readText(walk.read, key + 1);
  }
  return frame.pairName;
}

/** Whether a member of the object is the id of an AWS key: then a random word of 40 characters beside it is its secret. */
function hasAwsId(walk: Walk, frame: Frame): boolean {
  if (frame.hasAwsId !== undefined) return frame.hasAwsId;
  frame.hasAwsId = false;
  if (kindOf(walk.read.tape, frame.token) !== KIND.object) return false;
  for (const key of keysOf(walk.read.tape, frame.token)) {
    if (kindOf(walk.read.tape, key + 1) === KIND.string && /^A[KS]IA[A-Z0-9]{16}$/.test(rawText(walk.read, key + 1))) {
      frame.hasAwsId = true;
    }
  }
  return frame.hasAwsId;
}
