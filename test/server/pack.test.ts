import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, expect, test, vi } from 'vitest';
import { injectApi, readJson, readLines, readText } from '../../cli/api.ts';
import type { Api } from '../../cli/api.ts';
import { readPolicy } from '../../cli/local-options.ts';
import { writeReport } from '../../cli/write-report.ts';
import type { WrittenReport } from '../../cli/write-report.ts';
import { createDemo } from '../../deploy/demo/generate.ts';
import type { LogKeys } from '../../ledger/evidence.ts';
import type { DrawnPlan } from '../../reports/draws.ts';
import type { ReportJob } from '../../reports/job-store.ts';
import { verifyPack } from '../../reports/verify/verify-pack.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { tempFolder } from '../support/temp-folder.ts';

// From deliveries to a pack that is verified with the published key: real engine, real log, real signer.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });
const folder = await tempFolder('custody-pack-server-');
const demo = createDemo();
const policyFile = join(folder.path, 'custody.yaml');
writeFileSync(policyFile, demo.policy);
writeFileSync(join(folder.path, 'custody.secrets.yaml'), demo.secrets, { mode: 0o600 });
const said: string[] = [];
const context = {
  settings: {} as never,
  out: () => Promise.resolve(),
  say: (text: string) => void said.push(text),
  live: false,
};

let custody: Custody = await open();
let api: Api = injectApi(custody.app, custody.token, () => Promise.resolve());
afterAll(async () => {
  await custody.close();
  await folder.remove();
});

function open(): Promise<Custody> {
  const { policy, secrets } = readPolicy(policyFile);
  return openCustody({
    folder: join(folder.path, 'data'),
    policy,
    secrets,
    policyFile,
    oidc: undefined,
    version: '0.1.0',
    logTo: 'nowhere',
  });
}

async function deliver(from: number, to: number): Promise<void> {
  const lines = demo.deliveries.slice(from, to).map((delivery) => `${JSON.stringify(delivery)}\n`);
  await readText(
    await api.send('POST', '/v1/deliveries', { body: Readable.from(lines), type: 'application/x-ndjson' }),
  );
  await custody.settled();
}

async function report(name: string, more: object = {}): Promise<WrittenReport> {
  const out = join(folder.path, name);
  await mkdir(out, { recursive: true });
  return writeReport(api, { framework: 'soc2', from: demo.from, to: demo.to, as_of: demo.asOf, ...more }, out, context);
}

test('a pack proves its records against the published key, is the same again, and holds to an earlier checkpoint', async () => {
  await deliver(0, 300);
  const { verifiers } = await readJson<LogKeys>(await api.send('GET', '/v1/log/keys'));
  const first = await report('one');
  expect(await verifyPack(first.zip, { keys: verifiers })).toMatchObject({ findings: [] });
  const { notes } = await verifyPack(first.folder, { keys: verifiers });
  expect(Number(/^(\d+) records proved/.exec(notes[0] ?? '')?.[1])).toBeGreaterThan(20);
  expect(said.join('')).toMatch(/report soc2 .*files, \d+ pages/);
  const again = await report('two');
  expect(readFileSync(again.zip).equals(readFileSync(first.zip))).toBe(true);

  const held = readFileSync(join(first.folder, 'ledger/checkpoint.txt'), 'utf8');
  await deliver(300, 420);
  const later = await report('three', { checkpoint: held, as_of: new Date().toISOString() });
  const shown = await verifyPack(later.zip, { keys: verifiers, held });
  expect(shown.findings).toEqual([]);
  expect(shown.notes.join(' ')).toContain('begins with what it was at the checkpoint given');
  await expect(report('four', { checkpoint: 'custody.other\n1\nAAAA\n' })).rejects.toThrow(
    /no signed checkpoint of custody\./,
  );
});

test('over HTTP: progress line by line, issued once, refused the second time, kept over a restart', async () => {
  const body = { framework: 'iso27001', from: demo.from, to: demo.to, as_of: demo.asOf, issue: true };
  const send = () => api.send('POST', '/v1/reports', { body: JSON.stringify(body), type: 'application/json' });
  const job = await readJson<ReportJob>(await send());
  const lines: { progress?: { stage: string }; result?: ReportJob }[] = [];
  for await (const line of readLines<(typeof lines)[number]>(await api.send('GET', `/v1/reports/${job.id}/progress`)))
    lines.push(line);
  expect(lines.at(-1)?.result).toMatchObject({ status: 'done', pack: { status: 'issued' } });
  expect(lines.slice(0, -1).every((line) => line.progress !== undefined)).toBe(true);
  const refused = await send();
  expect(refused.status).toBe(409);
  expect(await readText({ ...refused, status: 200 })).toMatch(/not written again/);
  expect((await api.send('DELETE', `/v1/reports/${job.id}`)).status).toBe(409);
  expect((await api.send('GET', '/v1/reports/rep_none/progress')).status).toBe(404);
  await custody.close();
  custody = await open();
  api = injectApi(custody.app, custody.token, () => Promise.resolve());
  const kept = await readJson<ReportJob>(await api.send('GET', `/v1/reports/${job.id}`));
  expect(kept).toMatchObject({ status: 'done', request: { operator: 'local' } });
  expect((await api.send('GET', `/v1/reports/${job.id}/${kept.files[0]?.name}`)).type).toBe('application/zip');
});

test('whoever draws samples anew says why, and is told to our own log, with the plan, before they are drawn', async () => {
  const send = (sampling: object) => {
    const body = { framework: 'soc2', from: demo.from, to: demo.to, as_of: demo.asOf, sampling };
    return api.send('POST', '/v1/reports', { body: JSON.stringify(body), type: 'application/json' });
  };
  const refused = await send({ phrase: 'lucky' });
  expect(refused.status).toBe(409);
  expect(await readText({ ...refused, status: 200 })).toMatch(/Say why they are drawn again/);
  const job = await readJson<ReportJob>(await send({ phrase: 'lucky', reason: 'The auditor gave a phrase.' }));
  await api.send('DELETE', `/v1/reports/${job.id}`);
  const { draws } = await readJson<{ draws: readonly DrawnPlan[] }>(await api.send('GET', '/v1/reports'));
  expect(draws.filter(({ framework }) => framework === 'soc2')).toMatchObject([
    { plan: { sizes: {} } },
    { plan: { phrase: 'lucky' }, operator: 'local', reason: 'The auditor gave a phrase.' },
  ]);
  await custody.settled();
  const page = await readText(await api.send('GET', '/v1/export?format=ndjson&from=2020-01-01T00:00:00Z&to=2190-01-01T00:00:00Z')); // prettier-ignore
  const told = page.split('\n').filter((line) => line.includes('drawn again'));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('The auditor gave a phrase.');
  expect(told[0]).toContain('lucky');
});
