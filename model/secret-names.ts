import { isMixed, shannonEntropy } from './secret-strength.ts';

/** How a field's name speaks of its value: `secret` by itself, `suspect` only together with a random-looking value. */
export type NameClass = 'secret' | 'issuer' | 'suspect' | 'plain';

// Compared without case, dashes, underscores and dots. `clienttoken` is missing on purpose: AWS uses clientToken for
// idempotency; Vault's client_token is told apart below.
const SECRET_NAMES = new Set(
  (
    'password passwd passphrase pwd userpassword masterpassword masteruserpassword newpassword oldpassword currentpassword ' +
    'dbpassword pgpassword mysqlpwd rootpassword adminpassword bindpassword keystorepassword ' +
    'secret clientsecret secretkey secretaccesskey awssecretaccesskey secretvalue secretstring secretbinary secretid sharedsecret ' +
    'webhooksecret totpsecret privatekey privatekeypem signingkey encryptionkey storagekey accountkey apikey xapikey apitoken ' +
    'accesstoken refreshtoken idtoken authtoken bearertoken sessiontoken securitytoken xamzsecuritytoken awssessiontoken ' +
    'xvaulttoken privatetoken jobtoken cijobtoken deploytoken runnertoken registrationtoken registrationaccesstoken userdata ' +
    'token authorization proxyauthorization cookie setcookie clientassertion assertion samlresponse authorizationcode ' +
    'codeverifier recoverycode recoverycodes onetimepassword connectionstring plaintextpassword'
  ).split(' '),
);
// Only in events of token issuers, whose contract has no such field: elsewhere `code` is a status.
const ISSUER_NAMES = new Set(['code', 'dpopproof', 'clientassertionjwt', 'signature', 'jwt', 'accesskeysecret']);
// `secretid` is an AppRole credential in Vault, but an ARN in Secrets Manager; `userdata` is a script in EC2.
const ONLY_IF_RANDOM = new Set(['secretid', 'userdata', 'storagekey', 'encryptionkey', 'signingkey']);
const SUSPECT =
  /secret|token|passw|pwd|credential|authoriz|cookie|apikey|accesskey|privatekey|signature|assertion|session/;
// What follows such a word and makes it the name of something that may be told.
const HARMLESS =
  /(?:ids?|names?|types?|arns?|hash|hashes|digest|sha\d*|accessors?|fingerprint|thumbprint|kid|jti|urls?|uris?|times?|dates?|at|expiry|expires|expiration|ttl|count|size|length|path|versions?|scopes?|policies|algorithm|method|mode|status|state|enabled|required|issuer|usage|lastused|context|source|provider|by)$/;
const PAGING = /^(?:next|continuation|page|pagination|clientrequest|client|idempotency|marker|starting|continue)token$/;
const PATH_LIKE = /^arn:|:\/\/|^\/|\/.*\//;

/** What the name of a field says of its value. */
export function classifyName(name: string): NameClass {
  if (name.length > MAX_NAME) return 'plain';
  if (name === 'client_token') return 'secret';
  const plain = name.toLowerCase().replace(/[-_.\s]/g, '');
  if (SECRET_NAMES.has(plain)) return ONLY_IF_RANDOM.has(plain) ? 'suspect' : 'secret';
  if (ISSUER_NAMES.has(plain)) return 'issuer';
  if (PAGING.test(plain)) return 'plain';
  if (plain === 'key') return 'suspect';
  return SUSPECT.test(plain) && !HARMLESS.test(plain) ? 'suspect' : 'plain';
}

const MAX_NAME = 128;
const MIN_RANDOM_CHARS = 32;
const MIN_RANDOM_BITS = 4.5;

/**
 * Whether a value under a suspect name is random enough to be a secret: one word of 32 characters or more, over 4.5 bits
 * a character (hexadecimal digests have 4 at most), no path, ARN or URL, as the names of stored objects are.
 */
export function isRandomWord(value: string): boolean {
  if (value.length < MIN_RANDOM_CHARS || /\s/.test(value) || PATH_LIKE.test(value)) return false;
  return isMixed(value) && shannonEntropy(value) > MIN_RANDOM_BITS;
}

/** Values that tell nothing: empty, masked, redacted before, hashed with a key (Vault), or a word that means "none". */
export function isHarmlessValue(value: string): boolean {
  return (
    value.length === 0 ||
    /^(?:\*+|x{3,}|•+|<[^<>]{0,40}>|hmac-sha256:[0-9a-f]{64}|HIDDEN_DUE_TO_SECURITY_REASONS|none|null|nil|true|false|undefined|unknown|-|N\/A)$/i.test(
      value,
    ) ||
    /^\[(?:REDACTED|MASKED|FILTERED|HIDDEN)[^\]]{0,80}\]$/i.test(value) ||
    /^\(?(?:sensitive|hidden|masked|redacted)[\w ]{0,24}\)?$/i.test(value)
  );
}
