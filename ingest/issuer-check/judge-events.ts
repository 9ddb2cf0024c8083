import { canonicalJson } from '../../model/canonical-json.ts';
import { isTokenEventType, OWN_TYPE_PREFIX, REVIEW_EVENT_TYPE } from '../../model/token-event.ts';
import { parseStamp } from '../../model/time.ts';
import { checkEvent } from '../issuer-kit/check-event.ts';
import { at, getString, openDoc, partsOf } from '../sources/read.ts';
import type { Doc } from '../sources/read.ts';
import { findMisorders } from './judge-life.ts';
import { MAX_FINDINGS } from './finding.ts';
import type { CheckResult, Finding } from './finding.ts';

/** One event of a file: its place, and its JSON or why there is none. */
export interface Entry {
  readonly line: number;
  readonly json: unknown;
  readonly fault?: string;
}

/**
 * Judges the events of an issuer offline, each by the contract (sources.md part 3) and all of them together: ids that are
 * used twice, holes in the sequence, lives of tokens that cannot be. Findings come in the order of the lines.
 */
export function judgeEvents(entries: readonly Entry[]): CheckResult {
  const findings: Finding[] = [];
  const good: Entry[] = [];
  for (const entry of entries) {
    const own = entry.fault === undefined ? judgeOne(entry) : [unreadable(entry, entry.fault)];
    findings.push(...own);
    if (!own.some(({ severity }) => severity === 'error')) good.push(entry);
  }
  findings.push(...findRepeats(good), ...findHoles(good), ...findMisorders(good));
  if (entries.length === 0) {
    const message = 'There is no event to judge.';
    findings.push({ severity: 'error', rule: 'empty', message, remedy: 'Give CloudEvents as NDJSON or a JSON array.' });
  }
  const ordered = findings.toSorted(
    (a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER),
  );
  return { kind: 'events', judged: entries.length, findings: ordered.slice(0, MAX_FINDINGS) };
}

function unreadable({ line }: Entry, fault: string): Finding {
  return { severity: 'error', rule: 'invalid_json', line, message: fault, remedy: 'Write one JSON object a line.' };
}

function judgeOne({ line, json }: Entry): readonly Finding[] {
  const faults = checkEvent(json).map(({ path, code, message, remedy }): Finding => ({
    severity: 'error',
    rule: code,
    line,
    ...(path !== '' && { path }),
    message: `${path === '' ? 'The event' : path} ${message}.`,
    remedy,
  }));
  return faults.length > 0 ? faults : weaknesses(openDoc(json)).map((finding) => ({ ...finding, line }));
}

type Weakness = readonly [rule: string, path: string, isWeak: boolean, message: string, remedy: string];

/** What the door takes, and what costs the issuer evidence. */
function weaknesses(event: Doc): readonly Finding[] {
  const type = getString(event, 'type') ?? '';
  const isOwn = isTokenEventType(type) || type === REVIEW_EVENT_TYPE;
  if (!isOwn) {
    const remedy = `Types of the contract begin with ${OWN_TYPE_PREFIX}; this one is kept, and not understood.`;
    return [
      { severity: 'warning', rule: 'unknown_type', path: 'type', message: 'type is none of the contract.', remedy },
    ];
  }
  return listOf(event, type).flatMap(([rule, path, isWeak, message, remedy]) =>
    isWeak ? [{ severity: 'warning', rule, path, message, remedy }] : [],
  );
}

function listOf(event: Doc, type: string): readonly Weakness[] {
  const data = (...path: readonly string[]): unknown => at(event.json, 'data', ...path);
  const isBorn = /\.(?:issued|exchanged)\./.test(type);
  const isDecided = /\.(?:approved|denied)\./.test(type);
  const attributes = ['subject', 'authid', 'partitionkey', 'correlationid'];
  const personal = attributes.find((name) => /[^\s@]+@[^\s@]+\.[^\s@]+/.test(getString(event, name) ?? ''));
  const sequence = getString(event, 'sequence');
  const issued = parseStamp(data('issued_at'))?.at ?? parseStamp(getString(event, 'time'))?.at ?? 0;
  const expires = parseStamp(data('expires_at'))?.at;
  const parties = ['subject', 'requester']
    .map((name) => data(name))
    .concat(at(event.json, 'data', 'actors') ?? [])
    .flat();
  const unknown = parties.some((party) => isNamed(party) && ['unknown', undefined].includes(kindOf(party)));
  return [
    ['id_not_uuidv7', 'id', !/^[0-9a-f]{8}-[0-9a-f]{4}-7/i.test(getString(event, 'id') ?? ''), 'id is no UUIDv7.', 'Any id that is never used again will do; a UUIDv7 sorts by time as well.'],
    ['no_sequence', 'sequence', sequence === undefined, 'The event has no sequence.', 'Count the events of the source, so that Custody can prove that none is missing.'],
    ['sequence_form', 'sequence', sequence !== undefined && !/^\d{20}$/.test(sequence), 'sequence is not a decimal of 20 digits.', 'Pad it with zeros to 20 digits, so that text order is number order.'],
    ['coarse_time', 'time', parseStamp(getString(event, 'time'))?.precision === 's', 'time is given in whole seconds.', 'Write milliseconds or better: order by time is only as good as its digits.'],
    ['personal_data', personal ?? '', personal !== undefined, `${personal ?? ''} looks like an e-mail address.`, 'Context attributes travel in headers and logs; use a pseudonym there.'],
    ['no_partitionkey', 'partitionkey', getString(event, 'partitionkey') === undefined, 'The event has no partitionkey.', 'Write <iss>/<jti>, or the request id: it keeps the events of one token in order.'],
    ['no_request', 'data.request_id', isBorn && data('request_id') === undefined && data('approval', 'access_request') === undefined, 'Nothing ties the token to the request that it answers.', 'Repeat the request_id of the request, or name approval.access_request.'],
    ['no_expiry', 'data.expires_at', isBorn && expires === undefined, 'The token has no expires_at.', 'Say when it ends: without it, nothing can be said of a use after expiry.'],
    ['expiry_before_issue', 'data.expires_at', expires !== undefined && isBorn && expires <= issued, 'The token ends before it begins.', 'Check the clock and the order of issued_at and expires_at.'],
    ['no_jti', 'data.token.jti', isBorn && data('token', 'jti') === undefined, 'The token is named by its hash alone.', 'Give tokens a jti: it is what the other systems write into their logs.'],
    ['no_actors', 'data.actors', isBorn && !Array.isArray(data('actors')), 'The event does not say who acts.', 'List the actors, outermost first; [] says that the subject acts itself.'],
    ['no_target', 'data.target', isBorn && data('target') === undefined && data('audience') === undefined, 'The event does not say what the token is good for.', 'Name target, or at least audience.'],
    ['no_approval', 'data.approval', isBorn && data('approval') === undefined, 'The event does not say on which decision the token rests.', 'Name approval with its mode and policy.'],
    ['no_decider', 'data.approval.decision_by', isDecided && data('approval', 'mode') === 'human' && data('approval', 'decision_by') === undefined, 'A person decided, and is not named.', 'Name approval.decision_by, or the decision proves nothing.'],
    ['party_kind_unknown', 'data', unknown, 'A party is of unknown kind.', 'Say whether it is human, service, ai_agent or system.'],
    ['agent_without_uid', 'data.actors', partsOf(event, 'data', 'actors').some((actor) => getString(actor, 'kind') === 'ai_agent' && at(actor.json, 'agent', 'uid') === undefined), 'An AI agent has no agent.uid.', 'Say which agent it is, and with instance_uid which run of it.'],
  ]; // prettier-ignore
}

function isNamed(party: unknown): boolean {
  return party !== null && typeof party === 'object';
}

function kindOf(party: unknown): string | undefined {
  const kind = at(party, 'kind');
  return typeof kind === 'string' ? kind : undefined;
}

function findRepeats(entries: readonly Entry[]): readonly Finding[] {
  const seen = new Map<string, { readonly line: number; readonly text: string }>();
  return entries.flatMap(({ line, json }): readonly Finding[] => {
    const name = JSON.stringify([at(json, 'source'), at(json, 'id')]);
    const text = canonicalJson(json);
    const first = seen.get(name);
    if (!first) seen.set(name, { line, text });
    if (!first || first.text === text) return [];
    const message = `The id was used in line ${first.line} for other content: Custody answers 409 and keeps both.`;
    return [
      { severity: 'error', rule: 'conflict', line, path: 'id', message, remedy: 'Give each event an id of its own.' },
    ];
  });
}

/** Numbers of a source that are missing between the first and the last of the file, or given twice. */
function findHoles(entries: readonly Entry[]): readonly Finding[] {
  const sources = new Map<string, Map<bigint, { readonly line: number; readonly id: unknown }>>();
  const findings: Finding[] = [];
  for (const { line, json } of entries) {
    const sequence = at(json, 'sequence');
    if (typeof sequence !== 'string' || !/^\d{1,20}$/.test(sequence)) continue;
    const source = String(at(json, 'source'));
    const numbers = sources.get(source) ?? new Map<bigint, { readonly line: number; readonly id: unknown }>();
    sources.set(source, numbers);
    const held = numbers.get(BigInt(sequence));
    if (held !== undefined && held.id !== at(json, 'id')) {
      const message = `The sequence was given in line ${held.line} to another event.`;
      const remedy = 'One counter a source, kept on a disk: a restart must not begin it anew.';
      findings.push({ severity: 'error', rule: 'sequence_twice', line, path: 'sequence', message, remedy });
    }
    if (held === undefined) numbers.set(BigInt(sequence), { line, id: at(json, 'id') });
  }
  for (const numbers of sources.values()) {
    const sorted = [...numbers.keys()].toSorted((a, b) => (a < b ? -1 : 1));
    sorted.forEach((number, index) => {
      const before = sorted[index - 1];
      if (before === undefined || number === before + 1n) return;
      const message = `${number - before - 1n} numbers are missing before this one: Custody shows a gap.`;
      const remedy = 'Send what is missing, or judge a whole file. A number that was given must be sent.';
      const { line } = numbers.get(number) ?? { line: 0 };
      findings.push({ severity: 'warning', rule: 'sequence_gap', line, path: 'sequence', message, remedy });
    });
  }
  return findings;
}
