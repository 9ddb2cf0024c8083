import type { CheckResult, ItemVerdict, TestResult, TestResultName } from '../model/control.ts';
import type { Authorization, ChainStage, ChainStageName, EvidenceVerdict } from '../model/chain.ts';
import type { DispositionKind } from '../model/disposition.ts';
import type { Confidence } from '../model/event.ts';
import type { Tone } from './pdf/style.ts';

/**
 * The words of the reports, in one place (controls.md 3.5). A result is always a sign, words and a number of items, so
 * it survives black-and-white print; nothing here praises, promises or gives an opinion.
 */

/** Words that our own text never contains: they promise what evidence cannot (a test holds every page to it). */
export const FORBIDDEN = /\b(?:complian(?:t|ce)|certified|guarantee[sd]?|proves security|no risk|tamper-proof)\b/i;

export interface Mark {
  readonly sign: string;
  readonly word: string;
  readonly tone: Tone;
}

export const RESULT_MARKS: Record<TestResultName, Mark> = {
  no_exceptions_noted: { sign: '✓', word: 'No exceptions noted', tone: 'good' },
  exceptions_noted: { sign: '✗', word: 'Exceptions noted', tone: 'bad' },
  unable_to_conclude: { sign: '?', word: 'Unable to conclude', tone: 'doubt' },
  did_not_operate: { sign: '○', word: 'Did not operate', tone: 'neutral' },
  not_in_scope: { sign: '–', word: 'Not in scope', tone: 'neutral' },
};

export const AUTHORIZATION_MARKS: Record<Authorization, Mark> = {
  complete: { sign: '✓', word: 'Complete', tone: 'good' },
  complete_asserted: { sign: '✓', word: 'Complete, but one link rests on a name alone', tone: 'doubt' },
  approval_missing: { sign: '✗', word: 'Approval missing', tone: 'bad' },
  no_approval_required: { sign: '○', word: 'No approval required', tone: 'neutral' },
  break_glass: { sign: '▲', word: 'Emergency access', tone: 'doubt' },
};

export const EVIDENCE_MARKS: Record<EvidenceVerdict, Mark> = {
  complete: { sign: '✓', word: 'Complete: every source was read past the end of the chain', tone: 'good' },
  complete_with_gaps: { sign: '?', word: 'Complete, but a source has gaps', tone: 'doubt' },
  open: { sign: '?', word: 'Open: late events may still arrive', tone: 'doubt' },
  unprovable: { sign: '✗', word: 'The sources do not allow an answer', tone: 'bad' },
};

export const STATE_MARKS: Record<ChainStage['state'], Mark> = {
  present: { sign: '✓', word: 'present', tone: 'good' },
  missing: { sign: '✗', word: 'missing', tone: 'bad' },
  late_possible: { sign: '?', word: 'may still arrive', tone: 'doubt' },
  not_observable: { sign: '–', word: 'not observable', tone: 'neutral' },
  not_required: { sign: '○', word: 'not required', tone: 'neutral' },
};

export const STAGE_WORDS: Record<ChainStageName, string> = {
  requested: 'Requested',
  approved: 'Approved',
  ran: 'Ran',
  credential: 'Credential',
  touched: 'Touched',
  closed: 'Closed',
};

export const GRADE_WORDS: Record<Confidence, string> = {
  exact: 'exact: the same id, given by a server or an issuer, stands on both sides',
  asserted: 'asserted: an id that the caller chose',
  inferred: 'inferred: time, address or role; no id',
};

export const DISPOSITION_WORDS: Record<DispositionKind, string> = {
  response: 'Response of management',
  classification: 'Classification, which needs a second person',
  confirmation: 'Second person',
  retest: 'Re-test',
};

export const VERDICT_WORDS: Record<Exclude<ItemVerdict, 'pass'>, { heading: string; none: string }> = {
  exception: { heading: 'Exceptions', none: 'No item of the population is an exception.' },
  undetermined: { heading: 'Undetermined items', none: 'No item of the population is undetermined.' },
  excluded: { heading: 'Excluded items', none: 'No item of the population is excluded.' },
};

/** The groups of control tests (controls.md 2.4) and the number of the first test of each. */
const TEST_GROUPS: readonly (readonly [first: number, name: string])[] = [
  [1, 'Authorisation'],
  [8, 'Credential life'],
  [14, 'Identity'],
  [20, 'Separation'],
  [24, 'Change'],
  [29, 'Emergency'],
  [31, 'Evidence quality'],
  [41, 'Other tests'],
];

/** The group that a test belongs to, such as "Authorisation" for T-01; its place in the order of groups. */
export function groupOf(test: string): { readonly name: string; readonly place: number } {
  const number = Number(/^T-(\d{1,4})$/.exec(test)?.[1] ?? 41);
  const place = Math.max(
    0,
    TEST_GROUPS.findLastIndex(([first]) => first <= number),
  );
  return { name: TEST_GROUPS[place]?.[1] ?? '', place };
}

/** The result of a test in sentences: what was found of how many; why where no conclusion is possible. */
export function resultSentences(test: TestResult): readonly string[] {
  const { exceptions, undetermined } = test;
  const count = test.population.count;
  const sentences: string[] = [];
  if (test.result === 'exceptions_noted') {
    sentences.push(`For ${share(exceptions, count)}, at least one attribute did not hold.`);
    if (undetermined > 0) sentences.push(`For ${share(undetermined, count)}, the evidence does not decide.`);
  } else if (test.result === 'no_exceptions_noted' && count > 0 && exceptions === 0) {
    sentences.push(
      `${testedWords(test)} tested; ${undetermined > 0 ? 'no item failed an attribute' : 'every attribute held for every item'}.`,
    );
    if (undetermined > 0)
      sentences.push(
        `For ${share(undetermined, count)}, the evidence does not decide; the policy tolerates this number.`,
      );
  } else {
    sentences.push(closed(test.reason));
  }
  const excluded = excludedOf(test);
  if (excluded > 0)
    sentences.push(
      `${capital(nounOf(excluded, 'item'))} excluded by a rule of the fixed list, counted in the population and listed.`,
    );
  if (test.gaps.length > 0)
    sentences.push(`${capital(nounOf(test.gaps.length, 'gap'))} in the streams that this test reads; see below.`);
  const explained = test.explained_gaps?.length ?? 0;
  // The reason of a result tells it too.
  if (explained > 0 && !sentences.includes(closed(test.reason)))
    sentences.push(
      `${capital(nounOf(explained, 'gap'))} in them ${explained === 1 ? 'is' : 'are'} explained by people; see below.`,
    );
  return sentences;
}

/** What was done for a test, in one sentence. */
export function procedureSentence(test: TestResult, check: Pick<CheckResult, 'from' | 'to'>): string {
  if (test.population.count === 0) return 'The population was drawn; it is empty, so no attribute was checked.';
  const attributes =
    test.attributes.length === 1 ? 'the attribute below' : `the ${test.attributes.length} attributes below`;
  const excluded = excludedOf(test);
  const members = `all ${nounOf(test.population.count - excluded, 'item')} of the population${excluded > 0 ? ' that no rule excludes' : ''}`;
  return `Re-performed the check of ${attributes} for ${members}, from ${showTime(check.from)} to ${showTime(check.to)} (end excluded). The population was tested, not a sample of it.`;
}

/** How many members of a population a rule of the fixed list excludes. */
export function excludedOf(test: Pick<TestResult, 'excluded'>): number {
  return Object.values(test.excluded).reduce((total, count) => total + count, 0);
}

function testedWords(test: TestResult): string {
  const excluded = excludedOf(test);
  const count = test.population.count - excluded;
  if (excluded === 0) return `The population of ${nounOf(count, 'item')} was`;
  return `The ${nounOf(count, 'item')} of the population that no rule excludes ${count === 1 ? 'was' : 'were'}`;
}

/** How a population stands to the control that is tested (controls.md 3.2). */
export function sourceSentence(source: TestResult['population']['source']): string {
  return source === 'independent'
    ? 'Independent: drawn from another system than the one that enforces the control.'
    : 'Own records: drawn from the records of the system that enforces the control; what bypassed that system would not be in it.';
}

/** "1 of 18,204 items (0.005 %)". */
export function share(part: number, whole: number): string {
  const of = `${formatCount(part)} of ${nounOf(whole, 'item')}`;
  return whole === 0 ? of : `${of} (${percent(part, whole)})`;
}

/** A share in percent with as many digits as it needs: never 0.0 for something, never 100.0 for less than all. */
export function percent(part: number, whole: number): string {
  if (part === 0 || part === whole) return `${part === 0 ? 0 : 100} %`;
  const value = (part / whole) * 100;
  const distance = Math.min(value, 100 - value);
  const digits = distance >= 1 ? 1 : Math.min(8, Math.ceil(-Math.log10(distance)) + 1);
  return `${value.toFixed(digits)} %`;
}

/** "1 exception", "18,204 exceptions". */
export function nounOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A whole number with commas between thousands, the same in every locale. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A count where there is little room: whole below a thousand, else cut down: "1.2k", "48k", "1.2M". */
export function compactCount(count: number): string {
  const [unit, name] = count < 1_000 ? [1, ''] : count < 1_000_000 ? [1_000, 'k'] : [1_000_000, 'M'];
  const tenths = Math.floor((count * 10) / unit);
  return tenths >= 100 || tenths % 10 === 0
    ? `${Math.floor(tenths / 10)}${name}`
    : `${Math.floor(tenths / 10)}.${tenths % 10}${name}`;
}

/** "2026-03-01 09:14:02.318 UTC" from the model's times; zeros that only fill up are left out, a time that cannot be read is given as it is. */
export function showTime(text: string): string {
  const bare = bareTime(text);
  return bare === text ? text : `${bare} UTC`;
}

/** The same without the zone, for columns whose title names it. */
export function bareTime(text: string): string {
  const found = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?Z$/.exec(text);
  if (!found) return text;
  const fraction = (found[3] ?? '').padEnd(6, '0');
  const shown = /^0+$/.test(fraction) ? '' : fraction.endsWith('000') ? `.${fraction.slice(0, 3)}` : `.${fraction}`;
  return `${found[1]} ${found[2]}${shown}`;
}

/** The text as a sentence of its own: with a capital and a full stop. */
export function closed(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' || /[.!?]$/.test(trimmed) ? capital(trimmed) : `${capital(trimmed)}.`;
}

function capital(text: string): string {
  return /^[a-z]+(?=[ ,;]|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** What the signature inside the PDF says, and what it does not. */
export const SIGNATURE_WORDS = {
  none: 'This file carries no signature inside.',
  meaning:
    'A signature at the end of this file (PAdES baseline B-B, RSA with SHA-256) covers every byte but its own. It says that the service named in its certificate issued this file and that the file is unchanged since. It is not the opinion of an auditor, and says nothing of whether what the file shows is right. The signed manifest of the evidence pack names the certificate by its SHA-256 fingerprint, signer-chain.pem of the pack holds it, and a reader of PDF files shows it.',
  selfSigned:
    'The certificate is self-signed: the service made it, and nobody else vouches for the name in it. A reader of PDF files therefore calls the signature valid, but of an unknown signer, until the fingerprint is compared with one that the issuer gave in another way.',
  issued:
    'The certificate was given to the service by the authority that it names as its issuer. Whether that authority is trusted, and whether the certificate was revoked, is for the reader to decide.',
  time: 'The time that the signature states is the as-of of this report, not a clock. No time-stamp of another party is part of it.',
  unsigned:
    'Without its signature the file is its own beginning: the manifest gives the number of those bytes and their SHA-256. They are the same for the same records, policy and version of Custody, whoever signs.',
} as const;
