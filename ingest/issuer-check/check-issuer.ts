import { readFileSync, statSync } from 'node:fs';
import { Problem } from '../../model/problem.ts';
import { at, isObject } from '../sources/read.ts';
import type { CheckResult } from './finding.ts';
import { judgeEvents } from './judge-events.ts';
import type { Entry } from './judge-events.ts';
import { judgeKeys, judgeMetadata } from './judge-keys.ts';
import { safeFetch } from './safe-fetch.ts';
import type { FetchRules } from './safe-fetch.ts';

const MAX_FILE_BYTES = 256 * 1_048_576;

/** One thing that was judged: a file, or a document at an address. */
export interface Checked extends CheckResult {
  readonly where: string;
}

/**
 * Judges a file of an issuer's events (NDJSON, a JSON array, or one event). Throws `usage` for a file that is not there
 * or larger than 256 MiB.
 */
export function checkFile(path: string): readonly Checked[] {
  let text: string;
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new Problem('usage', `${path} is larger than ${MAX_FILE_BYTES} bytes; judge a part of it.`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('usage', `${path} cannot be read: ${(error as Error).message}`, {}, error);
  }
  return [{ where: path, ...judgeText(text) }];
}

/**
 * Judges what an issuer publishes at an address: a sample of its events, its key set, or its metadata, of which the keys
 * are fetched and judged as well. Which of them it is, the content says.
 */
export async function checkUrl(url: URL, allowPrivate: boolean): Promise<readonly Checked[]> {
  const rules: FetchRules = { origin: url, allowPrivate };
  const { text } = await safeFetch(url, rules);
  const document = parse(text);
  if (isObject(document) && at(document, 'issuer') !== undefined && at(document, 'specversion') === undefined)
    return checkMetadata(document, url, rules);
  return [{ where: url.href, ...judgeText(text) }];
}

async function checkMetadata(document: unknown, url: URL, rules: FetchRules): Promise<readonly Checked[]> {
  const metadata = { where: url.href, ...judgeMetadata(document, url) };
  const uri = at(document, 'jwks_uri');
  if (typeof uri !== 'string' || !URL.canParse(uri)) return [metadata];
  try {
    const { text } = await safeFetch(new URL(uri), rules);
    return [metadata, { where: uri, ...judgeKeys(parse(text)) }];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // The address is the issuer's word: that it cannot be followed is a finding about the issuer.
    const remedy = 'Publish the keys at a public https address, without a redirect.';
    const finding = {
      severity: 'error',
      rule: 'keys_unreachable',
      path: 'jwks_uri',
      message: error.message,
      remedy,
    } as const;
    return [metadata, { where: uri, kind: 'keys', judged: 0, findings: [finding] }];
  }
}

function judgeText(text: string): CheckResult {
  const document = parse(text);
  if (isObject(document) && Array.isArray(at(document, 'keys'))) return judgeKeys(document);
  if (Array.isArray(document)) return judgeEvents(document.map((json: unknown, index) => ({ line: index + 1, json })));
  if (document !== undefined) return judgeEvents([{ line: 1, json: document }]);
  return judgeEvents(linesOf(text));
}

function linesOf(text: string): readonly Entry[] {
  return text.split('\n').flatMap((raw, index): readonly Entry[] => {
    const line = raw.trim();
    if (line === '') return [];
    const json = parse(line);
    if (json !== undefined) return [{ line: index + 1, json }];
    return [{ line: index + 1, json: undefined, fault: 'This line is no JSON.' }];
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
