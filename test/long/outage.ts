import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openIssuer } from '../../ingest/issuer-kit/issuer.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { Act } from '../support/fault-proxy.ts';
import { ISSUER_SOURCE, ISSUER_TOKEN, writeIssuerPolicy } from '../support/issuer-policy.ts';
import { startServer } from '../support/run-cli.ts';
import type { RunningServer } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

// npm run test:outage -- [MINUTES] (5): the issuer kit against a real Custody that is slow, answers 429 and 5xx, drops
// connections, is killed, is away for minutes and comes back, while events go on. At the end each event must be there
// exactly once, without a hole in the sequence, and the receipts must be redeemable. Ends with 1 where that is not so.
const minutes = Number(process.argv[2] ?? 5);
if (!(minutes > 0)) throw new Error('npm run test:outage -- [MINUTES], a number above 0');
const EVERY_MS = 50;

interface Phase {
  readonly name: string;
  /** Of the whole time. */
  readonly share: number;
  readonly script: (nth: number) => Act;
  readonly isAway?: true;
}
const pass = (): Act => 'pass';
const phases: readonly Phase[] = [
  { name: 'well', share: 0.05, script: pass },
  { name: 'slow', share: 0.15, script: (nth) => ({ slowMs: nth % 4 === 0 ? 4_000 : 300 }) },
  { name: '429', share: 0.15, script: (nth) => (nth % 3 === 2 ? 'pass' : { status: 429, headers: { 'retry-after': '1' } }) }, // prettier-ignore
  { name: '5xx', share: 0.15, script: (nth) => (nth % 4 === 3 ? 'pass' : { status: [500, 502, 503][nth % 4] ?? 500 }) },
  { name: 'dropping and losing answers', share: 0.1, script: (nth) => (['drop', 'lose', 'pass'] as const)[nth % 3] ?? 'pass' }, // prettier-ignore
  { name: 'killed and away', share: 0.3, script: pass, isAway: true },
  { name: 'back', share: 0.1, script: pass },
];

const folder = await tempFolder('custody-outage-');
const policy = writeIssuerPolicy(folder.path);
const start = (): Promise<RunningServer> =>
  startServer(['--data', join(folder.path, 'data'), '--config', policy], { cwd: folder.path });
let server = await start();
const proxy = await startFaultProxy();
proxy.target = server.url;
const kit = await openIssuer({
  url: proxy.url,
  token: ISSUER_TOKEN,
  source: ISSUER_SOURCE,
  spoolFolder: join(folder.path, 'spool'),
  timeoutMs: 2_000,
  backoffMs: [50, 5_000],
  onNotice: () => undefined,
});
const emitted: string[] = [];
const faults: string[] = [];
const began = performance.now();
console.log(`${minutes} minutes, an event every ${EVERY_MS} ms, in ${folder.path}`);

for (const phase of phases) {
  if (phase.isAway) {
    await server.stop('SIGKILL');
    proxy.target = undefined;
  } else if (proxy.target === undefined) {
    server = await start();
    proxy.target = server.url;
  }
  proxy.script = phase.script;
  const until = performance.now() + phase.share * minutes * 60_000;
  while (performance.now() < until) {
    const nth = emitted.length;
    const requester = { kind: 'human', iss: 'https://idp.acme.example', sub: `00u${nth % 7}` } as const;
    emitted.push((await kit.emit({ type: 'requested', data: { request_id: `req-${nth}`, requester } })).id);
    await sleep(EVERY_MS);
  }
  const { pending, state } = kit.status();
  const elapsed = ((performance.now() - began) / 60_000).toFixed(1);
  console.log(`${elapsed} min, ${phase.name}: ${emitted.length} events, ${pending} on the disk, ${state}, ${proxy.acts.length} requests`); // prettier-ignore
}

if (!(await kit.flush(120_000))) faults.push(`${kit.status().pending} events were not sent within two minutes`);
const { token } = JSON.parse(readFileSync(join(folder.path, 'data', 'server.json'), 'utf8')) as { token: string };
const ask = async (path: string): Promise<string> =>
  (await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } })).text();
const sourceNow = async (): Promise<Record<string, unknown>> =>
  (JSON.parse(await ask('/v1/sources')) as { sources: Record<string, unknown>[] }).sources.find(({ family }) => family === 'ce') ?? {}; // prettier-ignore
for (let waits = 0; waits < 120 && Number((await sourceNow())['accepted']) < emitted.length; waits += 1)
  await sleep(500);
const source = await sourceNow();
const held = (await ask('/v1/events?format=ndjson&limit=1000000'))
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => (JSON.parse(line) as { event: string }).event)
  .filter((event) => event.startsWith('event:ce/'))
  .map((event) => event.slice(event.lastIndexOf('/') + 1));
const ids = new Set(held);
if (ids.size !== held.length) faults.push(`${held.length - ids.size} events are counted twice`);
const lost = emitted.filter((id) => !ids.has(id));
if (lost.length > 0) faults.push(`${lost.length} events are lost, the first ${lost[0]}`);
if (held.length !== emitted.length) faults.push(`${held.length} events are held, ${emitted.length} were emitted`);
const { accepted, duplicate, conflict, rejected, gaps } = source;
const told = JSON.stringify({ accepted, duplicate, conflict, rejected, gaps });
console.log(`custody sources: ${told}`);
if (conflict !== 0 || JSON.stringify([rejected, gaps]) !== '[{},[]]') faults.push('Custody tells of conflicts, rejections or gaps'); // prettier-ignore

let redeemed = 0;
const step = Math.max(1, Math.floor(emitted.length / 100));
for (let nth = 0; nth < emitted.length; nth += step) {
  const id = emitted[nth] ?? '';
  const kept = await kit.receiptOf(id);
  if (kept?.verified !== 'yes') faults.push(`the receipt of ${id} is ${kept?.verified ?? 'missing'}`);
  // What was stored a moment ago is sealed a moment later.
  const proof = await untilRedeemed(id);
  if (proof === undefined) faults.push(`the receipt of ${id} could not be redeemed`);
  else redeemed += 1;
}
console.log(`${redeemed} receipts redeemed, each ${step}th event`);
await kit.close();
await server.stop();
await proxy.close();
await folder.remove();
for (const fault of faults.slice(0, 20)) console.error(`FAULT: ${fault}`);
console.log(faults.length === 0 ? `${emitted.length} events, each there once` : `${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;

async function untilRedeemed(id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  for (let tries = 0; tries < 60; tries += 1) {
    const answer = await kit.redeem(id).catch(() => undefined);
    if (answer?.['state'] === 'included') return answer;
    await sleep(500);
  }
  return undefined;
}
