import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openIssuer } from '../../../ingest/issuer-kit/issuer.ts';
import type { Issuer, IssuerOptions } from '../../../ingest/issuer-kit/issuer.ts';
import { judgeAnswer } from '../../../ingest/issuer-kit/judge-answer.ts';
import type { Refused } from '../../../ingest/issuer-kit/line-files.ts';
import { verifyReceipt } from '../../../ingest/issuer-kit/receipt.ts';
import type { Notice } from '../../../ingest/issuer-kit/sender.ts';
import { createTransport } from '../../../ingest/issuer-kit/transport.ts';
import { tempFolder } from '../../support/temp-folder.ts';

interface Sent {
  readonly id: string;
  readonly data: { readonly request_id: string };
}
interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

// A server that answers as it is told, one script a test; what it takes is kept.
let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: Server;
let url = '';
let answer: (events: readonly Sent[], nth: number) => Reply;
let taken: Sent[] = [];
let notices: Notice[] = [];
let kit: Issuer | undefined;
const signer = generateKeyPairSync('ed25519');
const jwk = { ...signer.publicKey.export({ format: 'jwk' }), kid: 'log-1' };

beforeEach(async () => {
  folder = await tempFolder();
  taken = [];
  notices = [];
  let nth = 0;
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      if (request.url !== '/v1/ingest/cloudevents') {
        response.end(request.url === '/v1/log/keys' ? JSON.stringify({ keys: [jwk] }) : `{"proof":${text}}`);
        return;
      }
      const events = JSON.parse(text) as Sent[];
      const { status, body: said, headers } = answer(events, nth);
      nth += 1;
      if (status < 300) taken.push(...events);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(said ?? {}));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await kit?.close();
  kit = undefined;
  server.closeAllConnections();
  server.close();
  await folder.remove();
});

async function open(more: Partial<IssuerOptions> = {}): Promise<Issuer> {
  kit = await openIssuer({
    url,
    token: 'issuer-bearer-token-0001',
    source: 'https://broker.acme.example/eu1',
    spoolFolder: folder.path,
    backoffMs: [5, 20],
    onNotice: (notice) => notices.push(notice),
    ...more,
  });
  return kit;
}

const party = { kind: 'human', iss: 'https://idp.acme.example', sub: '00u1' } as const;
async function emit(issuer: Issuer, count: number): Promise<readonly string[]> {
  const all = Array.from({ length: count }, (_, nth) =>
    issuer.emit({ type: 'requested', data: { request_id: `r-${nth}`, requester: party } }),
  );
  return (await Promise.all(all)).map(({ id }) => id);
}
async function refusedOf(issuer: Issuer): Promise<readonly Refused[]> {
  const found: Refused[] = [];
  for await (const entry of issuer.refused()) found.push(entry);
  return found;
}
const isBad = (event: Sent): boolean => ['r-3', 'r-7'].includes(event.data.request_id);

describe('what an answer means for the events of a batch', () => {
  test('refused events end in a file with reason and remedy; the rest is taken, once and in order', async () => {
    answer = (events) => {
      const failing = events.flatMap((event, index) => isBad(event) ? [{ index, reason: 'issuer_not_registered_for_source', detail: 'may not speak', path: 'data.token.iss' }] : []); // prettier-ignore
      return failing.length === 0
        ? { status: 202 }
        : { status: 403, body: { reason: failing[0]?.reason, failing, remedy: 'Add the issuer to may_speak_for.' } };
    };
    const issuer = await open();
    const ids = await emit(issuer, 10);
    expect(await issuer.flush()).toBe(true);
    expect(taken.map(({ id }) => id)).toEqual(ids.filter((_, nth) => nth !== 3 && nth !== 7));
    expect(await refusedOf(issuer)).toMatchObject([
      { id: ids[3], sequence: '00000000000000000004', status: 403, reason: 'issuer_not_registered_for_source', path: 'data.token.iss', remedy: 'Add the issuer to may_speak_for.' },
      { id: ids[7], reason: 'issuer_not_registered_for_source' },
    ]); // prettier-ignore
    expect(issuer.status()).toMatchObject({ pending: 0, refused: 2, state: 'idle' });
    expect(notices.filter(({ code }) => code === 'refused')).toHaveLength(2);
  });

  test('where the answer does not say which, halves find it', async () => {
    answer = (events) => (events.some(isBad) ? { status: 400, body: { code: 'invalid_request', reason: 'contract' } } : { status: 202 }); // prettier-ignore
    const issuer = await open();
    const ids = await emit(issuer, 10);
    expect(await issuer.flush()).toBe(true);
    expect(taken.map(({ id }) => id)).toEqual(ids.filter((_, nth) => nth !== 3 && nth !== 7));
    expect((await refusedOf(issuer)).map(({ id }) => id)).toEqual([ids[3], ids[7]]);
  });

  test('413 splits until it fits; one event that never fits is refused', async () => {
    answer = (events) => (events.length > 2 || events.some(isBad) ? { status: 413, body: { reason: 'too_large' } } : { status: 202 }); // prettier-ignore
    const issuer = await open();
    const ids = await emit(issuer, 10);
    expect(await issuer.flush()).toBe(true);
    expect(taken.map(({ id }) => id)).toEqual(ids.filter((_, nth) => nth !== 3 && nth !== 7));
    expect((await refusedOf(issuer)).map(({ reason }) => reason)).toEqual(['too_large', 'too_large']);
  });

  test('a conflict is shown, and what came with it is taken', async () => {
    answer = (events) => {
      const conflicts = events.flatMap((event, index) => (isBad(event) ? [index] : []));
      return conflicts.length === 0 ? { status: 202 } : { status: 409, body: { code: 'conflict', conflicts, detail: 'held' } }; // prettier-ignore
    };
    const issuer = await open();
    const ids = await emit(issuer, 5);
    expect(await issuer.flush()).toBe(true);
    expect(taken.map(({ id }) => id)).toEqual(ids.filter((_, nth) => nth !== 3));
    expect(await refusedOf(issuer)).toMatchObject([{ id: ids[3], status: 409, reason: 'conflict', detail: 'held' }]);
  });

  test('a wrong credential, address or firewall blames no event: it waits, says so once, and goes on', async () => {
    const replies: Reply[] = [
      { status: 401, body: { reason: 'unauthenticated' } },
      { status: 404, body: {} },
      { status: 403, body: {} },
      { status: 403, body: { reason: 'source_not_registered', detail: 'not for this source' } },
      { status: 415, body: { reason: 'unsupported_media_type' } },
      { status: 302, headers: { location: 'http://127.0.0.1:9/' } },
    ];
    answer = (_events, nth) => replies[nth] ?? { status: 202 };
    const issuer = await open();
    const ids = await emit(issuer, 1);
    expect(await issuer.flush()).toBe(true);
    expect(taken.map(({ id }) => id)).toEqual(ids);
    expect(await refusedOf(issuer)).toEqual([]);
    expect(notices.map(({ code }) => code)).toEqual(['blocked', 'again', 'no_receipts']);
  });

  test('every status has a meaning, and none of them forgets an event', () => {
    for (let status = 0; status < 600; status += 1) {
      for (const body of [{}, { failing: [{ index: 99 }, { index: -1 }, null] }, { conflicts: ['x', 9] }, { reason: 'contract' }]) {
        const meaning = judgeAnswer({ status, body, retryAfterMs: undefined, fault: undefined }, 2);
        expect([status, meaning.is === 'taken']).toEqual([status, status >= 200 && status < 300]);
        if (meaning.is === 'refused') expect(meaning.refusals.length).toBeGreaterThan(0);
      }
    }
  }); // prettier-ignore

  test('Retry-After is read as seconds and as a date, and bounded', async () => {
    const waits = ['2', new Date(Date.now() + 5_000).toUTCString(), '999999', 'soon'];
    answer = (_events, nth) => ({ status: 429, headers: { 'retry-after': waits[nth] ?? '0' } });
    const transport = createTransport({ url, token: 't', timeoutMs: 1_000 });
    const read = async (): Promise<number | undefined> =>
      (await transport.post('/v1/ingest/cloudevents', 'a/b', '[]')).retryAfterMs;
    expect(await read()).toBe(2_000);
    expect(Math.abs((await read()) ?? 0) - 4_500).toBeLessThan(1_000);
    expect(await read()).toBe(3_600_000);
    expect(await read()).toBeUndefined();
  });

  test('the credential goes to https or this machine only', () => {
    for (const bad of ['http://custody.example', 'ftp://127.0.0.1', 'https://user:password@custody.example', 'custody'])
      expect(() => createTransport({ url: bad, token: 't', timeoutMs: 1 })).toThrow(/https/);
  });
});

describe('receipts', () => {
  const leaf = 'ab'.repeat(32);
  const header = { alg: 'EdDSA', typ: 'custody-receipt+jwt', kid: 'log-1' };
  const claims = { iss: 'custody', iat: 1, tenant: 'acme', topic: 'ce', partition: 0, source_epoch: 1, offset: 4 };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const make = (head: object, body: object, key = signer.privateKey): string => {
    const text = `${encode(head)}.${encode(body)}`;
    return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
  };

  test('are verified, kept with the ids, and redeemed later', async () => {
    answer = (events) => ({ status: 202, body: { receipt: make(header, { ...claims, leaves: events.map(() => leaf) }) } }); // prettier-ignore
    const issuer = await open();
    const ids = await emit(issuer, 3);
    expect(await issuer.flush()).toBe(true);
    await issuer.close();
    const again = await open();
    const kept = await again.receiptOf(ids[1] ?? '');
    expect(kept).toMatchObject({ verified: 'yes' });
    expect(kept?.ids).toContain(ids[1]);
    expect(await again.redeem(ids[1] ?? '')).toEqual({ proof: { receipt: kept?.receipt } });
    await expect(again.redeem('nobody')).rejects.toMatchObject({ code: 'receipt_unavailable' });
    expect(notices).toEqual([]);
  });

  test('a bad one is told and kept as such; the events were taken all the same', async () => {
    answer = () => ({ status: 202, body: { receipt: make(header, { ...claims, leaves: [leaf, leaf] }) } });
    const issuer = await open();
    const [id = ''] = await emit(issuer, 1);
    expect(await issuer.flush()).toBe(true);
    expect(await issuer.receiptOf(id)).toMatchObject({ verified: 'no', why: expect.stringContaining('2 records') });
    expect(notices.map(({ code }) => code)).toEqual(['bad_receipt']);
  });

  test('no other algorithm, type, key or form is taken', () => {
    const keys = { keys: [jwk, { kty: 'oct', k: 'c2VjcmV0', kid: 'mac' }] };
    const good = { ...claims, leaves: [leaf] };
    expect(verifyReceipt(make(header, good), keys)).toEqual(good);
    const counted = { ...claims, leaf_count: 300, leaves_root: leaf };
    expect(verifyReceipt(make(header, counted), keys)).toEqual(counted);
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const whole = make(header, good);
    const bad = [
      make({ ...header, alg: 'none' }, good),
      make({ ...header, alg: 'HS256' }, good),
      make({ ...header, typ: 'JWT' }, good),
      make({ ...header, kid: 'other' }, good),
      make({ ...header, kid: 'mac' }, good),
      make({ ...header, crit: ['b64'], b64: false }, good),
      make({ alg: 'EdDSA', typ: 'custody-receipt+jwt', jwk }, good),
      make(header, good, stranger),
      make(header, { ...claims, leaves: ['xy'] }),
      make(header, claims),
      make(header, { ...good, offset: '4' }),
      whole.slice(0, -2),
      `${whole}=`,
      `${whole}.x`,
      whole.replace('.', '..'),
      '',
      'x'.repeat(300_000),
    ];
    for (const receipt of bad) expect(() => verifyReceipt(receipt, keys)).toThrow(/^The receipt /);
  });
});
