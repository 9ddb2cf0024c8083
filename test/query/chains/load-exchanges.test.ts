import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../../model/event.ts';
import type { Facts } from '../../../model/facts.ts';
import { policySchema } from '../../../model/policy.ts';
import { createTracer } from '../../../query/trace.ts';
import type { Tracer } from '../../../query/trace.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import { fillStore } from '../../support/fill-store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { told } from '../../support/worked-chains.ts';

// Keycloak tells of an exchange the session, the subject and the client of the parent, never the parent itself.
const ISS = 'https://sso.example/realms/acme';
const MARA = `idp:user:${ISS}/mara`;
const SESSION = `keycloak:session:${ISS}/s1`;
const token = (name: string): string => `token:jti:${ISS}/${name}`;
const policy = policySchema.parse({ tenant: 'acme' });

function issue(second: number, name: string, client: string, more: { session?: string; from?: string; user?: string } = {}): AuditEvent {
  const { session = SESSION, from, user = MARA } = more;
  const facts: Facts = {
    credential: { key: token(name) },
    issued_for: client,
    ...(from !== undefined && { exchanged_from: { subject: user, session, client: from } }),
  };
  return told({ id: name, family: 'keycloak', at: `2026-08-20T09:00:0${second}Z`, action: from === undefined ? 'token.issue' : 'token.exchange', actor: { kind: 'human', key: user }, keys: [['creates', token(name)], ['uses', session], ['actor', user]], facts });
} // prettier-ignore

const use = told({ id: 'use', family: 'ce', at: '2026-08-20T09:00:09Z', action: 'token.use', actor: { kind: 'human', key: MARA }, keys: [['uses', token('deploy')]], resource: 'https://api.example' }); // prettier-ignore
const events: readonly AuditEvent[] = [
  issue(1, 'old', 'cli'),
  issue(2, 'first', 'cli'),
  issue(3, 'second', 'broker', { from: 'cli' }),
  issue(4, 'deploy', 'deployer', { from: 'broker' }),
  issue(5, 'other', 'cli', { session: `keycloak:session:${ISS}/s2`, user: `idp:user:${ISS}/jon` }),
  use,
];

let store: Store;
let tracer: Tracer;
let remove: () => Promise<void>;
beforeAll(async () => {
  const folder = await tempFolder();
  remove = folder.remove;
  store = await openStore({ folder: folder.path });
  await fillStore(store, events, { tenant: policy.tenant, folder: folder.path });
  tracer = createTracer(store.reader, policy);
});
afterAll(async () => {
  await store.close();
  await remove();
});

describe('exchanges whose parent no record names', () => {
  test('are climbed to the first token, each link inferred and told by the exchange', async () => {
    const chain = await tracer.trace('event:ce/use');
    expect(chain.links.map((link) => [link.parent, link.child, link.confidence, link.event])).toEqual([
      [token('first'), token('second'), 'inferred', 'event:keycloak/second'],
      [token('second'), token('deploy'), 'inferred', 'event:keycloak/deploy'],
    ]);
    expect(chain.credentials).toEqual([token('first'), token('second'), token('deploy')]);
  });

  test('say how many tokens it could have been, where it was more than one', async () => {
    const { findings } = await tracer.trace(token('deploy'));
    expect(findings.filter((finding) => finding.kind === 'parent_inferred').map((finding) => finding.detail)).toEqual([
      `${token('second')} was exchanged from one of 2 tokens; the latest is taken`,
    ]);
  });

  test('are found from the first token as well, down to what was touched', async () => {
    const chain = await tracer.trace(token('first'));
    expect(chain.events.map((event) => event.event)).toContain('event:ce/use');
  });

  test('leave every other chain as it was', async () => {
    const chain = await tracer.trace(token('other'));
    expect([chain.links, chain.credentials]).toEqual([[], [token('other')]]);
    expect((await tracer.trace(token('old'))).credentials).toEqual([token('old')]);
  });

  test('as of before the exchange was received there is none', async () => {
    const chain = await tracer.trace(token('first'), Date.parse('2026-08-20T09:00:02.500Z') * 1_000);
    expect(chain.links).toEqual([]);
  });
});
