/**
 * A part of a text that a redaction rule may replace, so that the rest of it still tells what happened: the values of a
 * URL's query; a token in a path of Vault's; or what the rules of the same source find in the JSON that the text holds
 * (a CloudWatch `message`), where text that begins as JSON and is none is replaced as a whole; or the representation and
 * the queries of URLs in a line of Keycloak's log.
 */
export type TextPart = 'query' | 'vault_path' | 'json' | 'keycloak_line';

/**
 * A text with one part replaced by "[REDACTED:<rule>]": `query`, the values of a URL's query; `vault_path`, a token
 * that stands in a path of Vault's, and the query; `keycloak_line`, see below. A text that needs no replacement is given back as it is.
 */
export function redactPart(text: string, part: Exclude<TextPart, 'json'>, rule: string): string {
  if (part === 'query') return redactQuery(text, rule);
  if (part === 'keycloak_line') return redactKeycloakLine(text, rule);
  const path = text.replace(/(auth\/token\/(?:lookup|renew|revoke|revoke-orphan)\/)([^/?#]+)/g, `$1[REDACTED:${rule}]`);
  return redactQuery(path, rule);
}

// Parameters of a request that cannot hold a secret and whose value changes what the request means or how it is read.
const KEPT = new Set([
  'dryRun', 'watch', 'limit', 'timeout', 'timeoutSeconds', 'fieldManager', 'fieldValidation', 'force', 'pretty', 'follow',
  'container', 'stdin', 'stdout', 'stderr', 'tty', 'tailLines', 'propagationPolicy', 'gracePeriodSeconds', 'orphanDependents',
  'resourceVersion', 'resourceVersionMatch', 'allowWatchBookmarks', 'sendInitialEvents', 'exact', 'export', 'ports',
]); // prettier-ignore
const PLAIN_VALUE = /^[A-Za-z0-9._:-]{0,64}$/;

/**
 * A URL with the values of its query replaced by "[REDACTED:<rule>]", but for the few parameters that cannot hold a
 * secret (sources.md 1.9.1: `access_token`, `command`, selectors and proxied queries do). The path stays. A URL that
 * needs no replacement is given back as it is.
 */
function redactQuery(url: string, rule: string): string {
  const start = url.indexOf('?');
  if (start < 0) return url;
  const mark = `[REDACTED:${rule}]`;
  const parts = url
    .slice(start + 1)
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=');
      const name = equals < 0 ? part : part.slice(0, equals);
      if (equals < 0) return /^[A-Za-z]{0,40}$/.test(part) ? part : mark;
      if (KEPT.has(name) && PLAIN_VALUE.test(part.slice(equals + 1))) return part;
      return /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? `${name}=${mark}` : mark;
    });
  return `${url.slice(0, start)}?${parts.join('&')}`;
}

/**
 * A line of Keycloak's log without the representation, which is its last field and holds secrets in clear (sources.md
 * 1.7.1), and without the queries of URLs, which hold codes and states. All else that tells what happened stays.
 */
function redactKeycloakLine(text: string, rule: string): string {
  const mark = `[REDACTED:${rule}]`;
  const start =
    text.startsWith('operationType="') || text.includes(' operationType="') ? text.search(REPRESENTATION) : -1;
  const kept = start < 0 ? text : `${text.slice(0, start)}, representation="${mark}"`;
  return kept.replace(/(\bhttps?:\/\/[^\s"?]{1,2000}\?)(?:[^\s"\\,]|,(?! ))+/gi, (whole, path: string) =>
    whole === path + mark ? whole : path + mark,
  );
}

const REPRESENTATION = /, representation="(?!\[REDACTED)/;
