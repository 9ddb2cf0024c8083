import { describe, expect, test } from 'vitest';
import { inferExchanges } from '../../../query/chains/infer-exchanges.ts';
import type { TokenIssue } from '../../../query/chains/infer-exchanges.ts';

const MARA = 'idp:user:https://sso.example/mara';
const PRIYA = 'idp:user:https://sso.example/priya';
const SESSION = 'keycloak:session:https://sso.example/s1';

function issue(at: number, key: string, client: string, keys: readonly string[], from?: string): TokenIssue {
  const [subject = ''] = keys;
  return {
    at,
    keys: keys.map((one) => ({ key: one })),
    facts: {
      credential: { key },
      issued_for: client,
      ...(from !== undefined && {
        exchanged_from: { subject, client: from, ...(keys[1] !== undefined && { session: keys[1] }) },
      }),
    },
  };
}

describe('inferred parents of exchanged tokens', () => {
  test.each<readonly [string, readonly TokenIssue[], readonly (readonly [string, string, number])[]]>([
    ['the only one', [issue(1, 't1', 'cli', [MARA, SESSION]), issue(2, 't2', 'broker', [MARA, SESSION], 'cli')], [['t2', 't1', 1]]],
    ['the latest of two', [issue(1, 't1', 'cli', [MARA, SESSION]), issue(2, 't2', 'cli', [MARA, SESSION]), issue(3, 't3', 'broker', [MARA, SESSION], 'cli')], [['t3', 't2', 2]]],
    ['none that came after', [issue(3, 't1', 'cli', [MARA, SESSION]), issue(2, 't2', 'broker', [MARA, SESSION], 'cli')], []],
    ['nobody else’s', [issue(1, 't1', 'cli', [PRIYA, SESSION]), issue(2, 't2', 'broker', [MARA, SESSION], 'cli')], []],
    ['of no other client', [issue(1, 't1', 'portal', [MARA, SESSION]), issue(2, 't2', 'broker', [MARA, SESSION], 'cli')], []],
    ['of no other session', [issue(1, 't1', 'cli', [MARA]), issue(2, 't2', 'broker', [MARA, SESSION], 'cli')], []],
    ['a machine without a session', [issue(1, 't1', 'broker', [MARA]), issue(2, 't2', 'broker', [MARA], 'broker')], [['t2', 't1', 1]]],
    ['a chain of exchanges', [issue(1, 't1', 'cli', [MARA, SESSION]), issue(2, 't2', 'broker', [MARA, SESSION], 'cli'), issue(3, 't3', 'deploy', [MARA, SESSION], 'broker')], [['t2', 't1', 1], ['t3', 't2', 1]]],
    ['a token told by log and REST is one', [issue(1, 't1', 'cli', [MARA, SESSION]), issue(1, 't1', 'cli', [MARA, SESSION]), issue(2, 't2', 'broker', [MARA, SESSION], 'cli')], [['t2', 't1', 1]]],
  ])('%s', (_, issues, expected) => {
    expect(inferExchanges(issues).map((one) => [one.child, one.parent, one.candidates])).toEqual(expected);
  }); // prettier-ignore
});
