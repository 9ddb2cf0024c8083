import { isHarmlessValue } from './secret-names.ts';
import { isMixed, looksMade, shannonEntropy } from './secret-strength.ts';

/** A part of a text that is a secret, and the rule that found it. `end` is exclusive. */
export interface SecretHit {
  readonly start: number;
  readonly end: number;
  readonly rule: string;
}

/** Puts a hit into the list. */
type Report = (start: number, end: number, rule: string) => void;

// The expressions here are run over hostile text of any length: each starts at a literal or behind a lookbehind, repeats
// one class of characters at a time, and has bounded gaps, so that the time is linear (reliability.md 3.2 row 14).
const WORDS =
  '(pass(?:word|wd|phrase)|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|client[_-]?secret|(?:api|private|access|account|shared[_-]?access|signing)[_-]?key|token|authorization|cookie)';
const ASSIGNED = new RegExp(`${WORDS}([\\\\"'\\]]{0,4}\\s{0,4})(=>|:=|=|:)(\\s{0,4})([\\\\"'(]{0,4})`, 'gi');
const FLAG =
  /(?<![\w-])--?(?:password|passwd|pwd|token|secret|api-key|client-secret|private-key)\s{1,4}["']?([^\s"'-][^\s"']*)/gi;
const USER_OPTION = /(?:^|\s)(?:-u|--user)[ =]["']?[^\s:"']{1,64}:([^\s"']+)/g;
const PARAMETER = /([?&;]|^|[\s"'(])([A-Za-z][A-Za-z0-9_.-]{1,40})=/g;
const PARAMETER_END = /[&\s"'#;<>()]/g;
const PARAMETER_VALUE = /[^&\s"'#;<>()]{0,128}/y;
const VALUE_END = /[\s"'&,;<>{}()[\]|\\]/g;
// So much of a value decides whether it is a secret; the rest is only looked for when it is.
const PROBE = 128;
const LEAST_OF_PARAMETER = new Map(
  Object.entries({
    code: 6,
    state: 16,
    sig: 16,
    signature: 16,
    key: 16,
    session: 16,
    ticket: 8,
    auth: 8,
    jwt: 8,
    otp: 4,
    assertion: 8,
    access_token: 4,
    id_token: 4,
    refresh_token: 4,
    id_token_hint: 4,
    token: 4,
    client_secret: 1,
    client_assertion: 4,
    code_verifier: 8,
    private_token: 4,
    job_token: 4,
    api_key: 4,
    apikey: 4,
    password: 1,
    passwd: 1,
    pwd: 1,
    secret: 1,
    samlresponse: 16,
    samlrequest: 16,
    samlart: 8,
    subject_token: 4,
    actor_token: 4,
    device_code: 6,
    user_code: 6,
    'x-amz-signature': 16,
    'x-amz-security-token': 16,
    'x-goog-signature': 16,
    'x-vault-token': 4,
  }),
);
// Also outside of a query these mean a request; the others need the "?" or "&" of one.
const ANYWHERE = /token|secret|passw|pwd|saml|signature$|assertion|api_?key/;
const NO_SECRETS =
  /^(?:invalid|required|expired|missing|string|incorrect|wrong|empty|changed|reset|policy|must|is|was|not|for|the|and|or)$/i;
const AWS_ID = /^A[A-Z]{3}[A-Z0-9]{16}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** `password=...`, `"client_secret": "..."`, `X-Vault-Token: ...` within a text. */
export function findAssigned(text: string, report: Report): void {
  ASSIGNED.lastIndex = 0;
  for (let match = ASSIGNED.exec(text); match !== null; match = ASSIGNED.exec(text)) {
    // "...:secret:name" is the ARN of a secret, not the secret.
    if (match.index > 0 && text[match.index - 1] === ':') continue;
    const start = ASSIGNED.lastIndex;
    const quotes = match[5] ?? '';
    const value = text.slice(start, endOfValue(text, start, quotes, start + PROBE));
    const assigned = match[3] !== ':' || quotes !== '';
    // A list that is told apart by colons ("okta_password:password:aut1"), and not a name with its value.
    if (!assigned && match[4] === '' && value.includes(':')) continue;
    if (!isAssignedSecret((match[1] ?? '').toLowerCase(), value, assigned)) continue;
    ASSIGNED.lastIndex = endOfValue(text, start, quotes, text.length);
    report(start, ASSIGNED.lastIndex, 'assigned');
  }
}

function isAssignedSecret(word: string, value: string, assigned: boolean): boolean {
  if (isTold(value) || AWS_ID.test(value)) return false;
  const password = word.startsWith('pass') || word === 'pwd';
  const weak = /^(?:token|authorization|cookie)/.test(word);
  if (assigned) return weak ? value.length >= 8 && (looksMade(value) || value.length >= 20) : value.length >= 2;
  // After a colon in prose ("invalid token: expired", "no such secret: db-2") only what no word or name looks like.
  if (password) return value.length >= 6 && looksMade(value);
  if (value.length < 16 || !looksMade(value) || UUID.test(value)) return false;
  return isMixed(value) || (shannonEntropy(value) > 3.5 && /^[A-Za-z0-9]+$/.test(value));
}

/** `--password hunter2`, `curl -u name:password`. */
export function findFlags(text: string, report: Report): void {
  for (const pattern of [FLAG, USER_OPTION]) {
    for (const match of text.matchAll(pattern)) {
      const value = match[1] ?? '';
      const end = match.index + match[0].length;
      if (!isTold(value)) report(end - value.length, end, 'flag');
    }
  }
}

/** Parameters of queries and forms that carry a credential or its proof: `?code=`, `&X-Amz-Signature=`. */
export function findParameters(text: string, report: Report): void {
  const isForm = text.includes('&');
  PARAMETER.lastIndex = 0;
  for (let match = PARAMETER.exec(text); match !== null; match = PARAMETER.exec(text)) {
    const name = (match[2] ?? '').toLowerCase();
    const least = LEAST_OF_PARAMETER.get(name);
    if (least === undefined) continue;
    const inQuery = match[1] === '?' || match[1] === '&' || (isForm && match.index === 0);
    if (!inQuery && !ANYWHERE.test(name)) continue;
    const start = PARAMETER.lastIndex;
    const value = matchAt(PARAMETER_VALUE, text, start);
    if (value.length < least || isTold(value)) continue;
    const end = value.length < PROBE ? start + value.length : indexFrom(PARAMETER_END, text, start);
    report(start, end, name.includes('signature') || name === 'sig' ? 'signature' : 'parameter');
    PARAMETER.lastIndex = end;
  }
}

const USERINFO_START = /[\s"'<>]/g;
const LONGEST_USERINFO = 1_024;

/**
 * Passwords in URLs of any scheme, `postgres://app:secret@db`, and long user names that are tokens. Goes from "@" to "@",
 * so that each part of the text is looked at once.
 */
export function findUserinfo(text: string, report: Report): void {
  let previous = -1;
  let last: { start: number; end: number } | undefined;
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const from = Math.max(previous + 1, at - LONGEST_USERINFO);
    const between = text.slice(from, at);
    if (last !== undefined && last.end === previous && !/[\s"'<>/?#\\]/.test(between)) {
      // The password itself had an "@": the last one of the authority counts.
      last = { start: last.start, end: at };
      report(last.start, at, 'url_password');
    } else {
      const secret = secretOfUserinfo(between);
      last = secret === undefined ? undefined : { start: at - secret.length, end: at };
      if (last !== undefined) report(last.start, at, 'url_password');
    }
    previous = at;
  }
}

/** The password, or the token that stands for a user, in what precedes an "@"; undefined if that is no URL's userinfo. */
function secretOfUserinfo(before: string): string | undefined {
  const mark = before.lastIndexOf('://');
  if (mark < 0) return undefined;
  const userinfo = before.slice(mark + 3);
  USERINFO_START.lastIndex = 0;
  if (USERINFO_START.test(userinfo) || userinfo.includes('[REDACTED')) return undefined;
  const colon = userinfo.indexOf(':');
  const slash = userinfo.search(/[/?#]/);
  // A password may hold a "/" as it is; behind a host, a port or nothing, the slash begins a path.
  if (slash >= 0 && (colon < 0 || colon > slash || /^\d{0,5}$/.test(userinfo.slice(colon + 1, slash))))
    return undefined;
  const secret = colon < 0 ? userinfo : userinfo.slice(colon + 1);
  if (isTold(secret) || (colon < 0 && (secret.length < 20 || !looksMade(secret)))) return undefined;
  return secret;
}

function isTold(value: string): boolean {
  return isHarmlessValue(value) || NO_SECRETS.test(value) || value.startsWith('[REDACTED');
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function indexFrom(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.exec(text)?.index ?? text.length;
}

/** Where a value ends, looked for no further than `limit`. */
function endOfValue(text: string, start: number, quotes: string, limit: number): number {
  const part = limit < text.length ? text.slice(start, limit) : text;
  const offset = limit < text.length ? 0 : start;
  const quote = quotes.at(-1);
  const isQuoted = quote === '"' || quote === "'";
  const found = isQuoted
    ? part.indexOf(quotes.includes('\\') ? '\\' : quote, offset)
    : indexFrom(VALUE_END, part, offset);
  return start - offset + (found < 0 ? part.length : found);
}
