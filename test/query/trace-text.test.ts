import { describe, expect, test } from 'vitest';
import { buildChain } from '../../query/chains/build-chain.ts';
import { createRules } from '../../query/chains/rules.ts';
import { createIdentities, vouchedBy } from '../../query/identity.ts';
import { traceText } from '../../query/trace-text.ts';
import { chainA, commonRows, exchangeRow, graphOf, sessionRow, told, workedPolicy } from '../support/worked-chains.ts';
import type { SourceState } from '../../model/control.ts';
import { sourceState } from '../support/control-fixture.ts';
import type { AuditEvent } from '../../model/event.ts';

const policy = workedPolicy();

function textOf(events: readonly AuditEvent[], focal: string): string {
  const graph = graphOf(events);
  const identities = createIdentities(policy, vouchedBy(graph.events.values()));
  return traceText(buildChain(graph, focal, createRules(policy), { identities, sources: sourcesOf(events) }));
}

// Every source was read for a day after its last event.
function sourcesOf(events: readonly AuditEvent[]): SourceState[] {
  const named = new Map(events.map((event) => [`${event.family} ${event.instance}`, event]));
  return [...named.values()].map((event) =>
    sourceState({ family: event.family, instance: event.instance, last_received_at: '2026-08-21T09:00:00.000000Z' }),
  );
}

describe('traceText', () => {
  test('tells chain A as a page', async () => {
    await expect(textOf(chainA(), 'event:aws.cloudtrail/13')).toMatchFileSnapshot('trace-text.chain-a.txt');
  });

  test('lets no control character and no mark of direction through', () => {
    const nasty = 'key\u001b[31m\u202egnp.exe\u0007\u200b\r\nFindings\n  forged: all is well';
    const call = told({ id: 'x', family: 'aws.cloudtrail', at: '2026-08-20T09:16:01Z', action: 'api.create', actor: { kind: 'service', key: 'aws:role:x', display: nasty }, resource: nasty, keys: [['uses', 'aws:accesskey:ASIAKEY0000000000001']] }); // prettier-ignore
    const text = textOf([...commonRows(), exchangeRow(), sessionRow({ broker: true }), call], 'event:aws.cloudtrail/x');
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u200b\u202e]/u);
    expect(text).toContain('\\u{1b}[31m\\u{202e}gnp.exe');
    expect(text.split('\n').filter((line) => line.trim() === 'forged: all is well')).toEqual([]);
  });
});
