/** The most text that is parsed as JSON within JSON: the size of a log event of CloudWatch (256 KB), doubled. */
const MAX_EMBEDDED_CHARS = 524_288;

/**
 * The JSON that a string holds, as log collectors wrap it; undefined if it holds none or too much. The door redacts
 * inside such strings by the adapter's `embedded` paths, because a rule cannot see into text.
 */
export function embeddedJson(text: unknown): unknown {
  if (typeof text !== 'string' || text.length > MAX_EMBEDDED_CHARS || !text.trimStart().startsWith('{'))
    return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
