import type { EventKey } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import type { Micros } from '../../model/time.ts';

/** What is needed of an event that issued a token. */
export interface TokenIssue {
  readonly at: Micros;
  readonly keys: readonly Pick<EventKey, 'key'>[];
  readonly facts: Pick<Facts, 'credential' | 'exchanged_from' | 'issued_for'>;
}

/** The token that an exchange was made from, as far as it can be told. */
export interface InferredParent {
  readonly child: string;
  readonly parent: string;
  readonly confidence: 'inferred';
  readonly rule: 'E14';
  /** How many tokens it could have been; 1 where there is no other. */
  readonly candidates: number;
}

/**
 * The parents of tokens whose record does not name them (Keycloak, sources.md 1.7.1): of the same subject and session,
 * made for the client that the exchange names, the latest before it. Always inferred, also where it is the only one: an
 * older token of that client may still be good. A token is no candidate for itself.
 */
export function inferExchanges(issues: readonly TokenIssue[]): readonly InferredParent[] {
  const inOrder = issues
    .map((issue, index) => ({ issue, index }))
    .filter(({ issue }) => issue.facts.credential !== undefined)
    .toSorted((a, b) => a.issue.at - b.issue.at || a.index - b.index)
    .map(({ issue }) => issue);
  const byClient = new Map<string, TokenIssue[]>();
  const parents: InferredParent[] = [];
  for (const issue of inOrder) {
    const from = issue.facts.exchanged_from;
    const child = issue.facts.credential?.key ?? '';
    if (from) {
      const tokens = new Set(
        (byClient.get(from.client) ?? [])
          .filter((one) => fits(one, from))
          .map((one) => one.facts.credential?.key ?? ''),
      );
      tokens.delete(child);
      const parent = [...tokens].at(-1);
      if (parent !== undefined)
        parents.push({ child, parent, confidence: 'inferred', rule: 'E14', candidates: tokens.size });
    }
    const client = issue.facts.issued_for;
    if (client === undefined) continue;
    const held = byClient.get(client);
    if (held) held.push(issue);
    else byClient.set(client, [issue]);
  }
  return parents;
}

function fits(issue: TokenIssue, from: NonNullable<Facts['exchanged_from']>): boolean {
  const names = (key: string): boolean => issue.keys.some((one) => one.key === key);
  return names(from.subject) && (from.session === undefined || names(from.session));
}
