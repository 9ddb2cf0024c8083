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
  '(pass(?:word|wd|phrase)|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|client[_-]?secret|(?:api|private|access|account|shared[_-]?access|signing)[_-]?key|token|authorization|cookie|credentials?)';
const ASSIGNED = new RegExp(`${WORDS}([\\\\"'\\]]{0,4}\\s{0,4})(=>|:=|=|:)(\\s{0,4})([\\\\"'(]{0,4})`, 'gi');
const FLAG =
  /(?<![\w-])--?(?:password|passwd|pwd|token|secret|api-key|client-secret|private-key)\s{1,4}["']?([^\s"'-][^\s"']*)/gi;
const USER_OPTION = /(?:^|\s)(?:-u|--user)[ =]["']?[^\s:"']{1,64}:([^\s"']+)/g;
const PARAMETER = /([?&;]|^|[\s"'(])([A-Za-z][A-Za-z0-9_.-]{1,40})=/g;
const PARAMETER_END = /[&\s"'#;<>()]/g;
const VALUE_END = /[\s"'&,;<>{}()[\]|\\]/g;
// So much of a value decides whether it is a secret; the rest is only looked for when it is.
const PROBE = 256;
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
    const end = endOfValue(text, start, quotes);
    const assigned = match[3] !== ':' || quotes !== '';
    if (!isAssignedSecret((match[1] ?? '').toLowerCase(), text.slice(start, Math.min(end, start + PROBE)), assigned))
      continue;
    report(start, end, 'assigned');
    ASSIGNED.lastIndex = end;
  }
}

function isAssignedSecret(word: string, value: string, assigned: boolean): boolean {
  if (isTold(value) || AWS_ID.test(value)) return false;
  const password = word.startsWith('pass') || word === 'pwd';
  const weak = /^(?:token|authorization|cookie|credential)/.test(word);
  if (assigned) return weak ? value.length >= 8 && (looksMade(value) || value.length >= 20) : value.length >= 2;
  // After a colon in prose ("invalid token: expired", "no such secret: db-2") only what no word or name looks like.
  if (password) return value.length >= 6 && looksMade(value);
  return value.length >= 16 && looksMade(value) && !UUID.test(value) && (isMixed(value) || shannonEntropy(value) > 3.5);
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
    const end = indexFrom(PARAMETER_END, text, start);
    const value = text.slice(start, Math.min(end, start + PROBE));
    if (value.length < least || isTold(value)) continue;
    report(start, end, name.includes('signature') || name === 'sig' ? 'signature' : 'parameter');
    PARAMETER.lastIndex = end;
  }
}

const AUTHORITY = /[^\s"'<>/?#\\]{0,512}/y;
const AUTHORITY_WITH_SLASHES = /[^\s"'<>@]{0,512}@/y;

/** Passwords in URLs of any scheme, `postgres://app:secret@db`, and long user names that are tokens. */
export function findUserinfo(text: string, report: Report): void {
  for (let mark = text.indexOf('://'); mark >= 0; mark = text.indexOf('://', mark + 3)) {
    const start = mark + 3;
    let authority = matchAt(AUTHORITY, text, start);
    const colon = authority.indexOf(':');
    // A password may hold a "/" as it is: then the "@" stands behind what looked like the end of the authority.
    if (!authority.includes('@') && colon > 0 && !/^\d{0,5}$/.test(authority.slice(colon + 1))) {
      authority = matchAt(AUTHORITY_WITH_SLASHES, text, start);
    }
    const at = authority.lastIndexOf('@');
    if (at < 0) continue;
    const secret = colon >= 0 && colon < at ? authority.slice(colon + 1, at) : authority.slice(0, at);
    const hasPassword = colon >= 0 && colon < at;
    if (isTold(secret) || (!hasPassword && !(secret.length >= 20 && looksMade(secret)))) continue;
    report(start + at - secret.length, start + at, 'url_password');
  }
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

function endOfValue(text: string, start: number, quotes: string): number {
  const quote = quotes.at(-1);
  if (quote !== '"' && quote !== "'") return indexFrom(VALUE_END, text, start);
  const close = text.indexOf(quotes.includes('\\') ? '\\' : quote, start);
  return close < 0 ? text.length : close;
}
