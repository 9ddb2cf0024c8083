import { parseStamp } from '../../model/time.ts';
import { at } from '../sources/read.ts';
import type { Finding } from './finding.ts';
import type { Entry } from './judge-events.ts';

interface Step {
  readonly line: number;
  readonly name: string;
  readonly time: number;
}

/**
 * Lives of tokens and requests that cannot be (sources.md 3.2): judged by the time of the events and not by their order,
 * because deliveries may come in any. Custody keeps such events and makes findings of them.
 */
export function findMisorders(entries: readonly Entry[]): readonly Finding[] {
  const tokens = new Map<string, Step[]>();
  const requests = new Map<string, Step[]>();
  for (const { line, json } of entries) {
    const name = /\.token\.([a-z]+)\.v\d+$/.exec(String(at(json, 'type')))?.[1];
    const time = parseStamp(at(json, 'time'))?.at;
    if (name === undefined || time === undefined) continue;
    const step = { line, name, time };
    const token = at(json, 'data', 'token');
    const jti = at(token, 'jti') ?? at(token, 'sha256');
    if (jti !== undefined) put(tokens, JSON.stringify([at(token, 'iss'), jti]), step);
    const request = at(json, 'data', 'request_id');
    if (request !== undefined) put(requests, JSON.stringify([at(json, 'source'), request]), step);
  }
  return [...[...tokens.values()].flatMap(judgeToken), ...[...requests.values()].flatMap(judgeRequest)];
}

function put(groups: Map<string, Step[]>, name: string, step: Step): void {
  const group = groups.get(name);
  if (group) group.push(step);
  else groups.set(name, [step]);
}

function judgeToken(steps: readonly Step[]): readonly Finding[] {
  const born = steps.filter(({ name }) => name === 'issued' || name === 'exchanged');
  const ended = steps.filter(({ name }) => name === 'revoked' || name === 'expired');
  const end = Math.min(...ended.map(({ time }) => time));
  const begin = Math.min(...born.map(({ time }) => time));
  return steps.flatMap(({ line, name, time }) => {
    if (name === 'used' && time > end) return [finding(line, 'use_after_end', 'The token is used after its end.')];
    if (name === 'used' && born.length > 0 && time < begin)
      return [finding(line, 'use_before_issue', 'The token is used before it was issued.')];
    return born.indexOf(steps.find((step) => step.line === line) ?? steps[0] ?? { line, name, time }) > 0
      ? [finding(line, 'issued_twice', 'The same jti is issued a second time.')]
      : [];
  });
}

function judgeRequest(steps: readonly Step[]): readonly Finding[] {
  const denied = Math.min(...steps.filter(({ name }) => name === 'denied').map(({ time }) => time));
  const approved = steps.some(({ name, time }) => name === 'approved' && time > denied);
  return steps.flatMap(({ line, name, time }) =>
    (name === 'issued' || name === 'exchanged') && time > denied && !approved
      ? [finding(line, 'issue_after_deny', 'A token is issued for a request that was denied.')]
      : [],
  );
}

function finding(line: number, rule: string, message: string): Finding {
  const remedy = 'If it happened so, Custody will show it as a finding; if not, check the clock and the ids.';
  return { severity: 'warning', rule, line, message, remedy };
}
