import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readArguments } from '../../cli/command.ts';
import { dispositionsCommand } from '../../cli/commands/dispositions.ts';
import { readSettings } from '../../cli/settings.ts';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import { policySchema } from '../../model/policy.ts';
import type { ExceptionsPage } from '../../query/dispositions/exceptions-api.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { trailRecord } from '../support/intake-samples.ts';
import { startOidcCallers } from '../support/oidc-callers.ts';
import type { OidcCallers } from '../support/oidc-callers.ts';
import { runCli } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

// The command against a server that listens, with access tokens of two people. What may be said, and by whom, is tested
// in test/server/dispositions.test.ts; here it is whether the command says it.
const ACCOUNT = trailRecord.recipientAccountId;
const DAY = trailRecord.eventTime.slice(0, 10);
const later = (days: number): string =>
  new Date(Date.parse(`${DAY}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
let folder: Awaited<ReturnType<typeof tempFolder>>;
let callers: OidcCallers;
let custody: Custody;
let url = '';

interface Told {
  readonly code: number;
  readonly stdout: string;
}

/** Runs `custody dispositions` in this process, as a manager of this name. Throws the Problem that the command line explains. */
async function as(person: string, ...args: string[]): Promise<Told> {
  const token = (await callers.bearer(person, 'manager', 'auditor')).replace('Bearer ', '');
  const settings = { ...readSettings({ url }), token };
  let stdout = '';
  const context = {
    settings,
    out: (text: string) => Promise.resolve(void (stdout += text)),
    say: () => undefined,
    live: false,
  };
  const code = await dispositionsCommand.run(readArguments(dispositionsCommand, args), context);
  return { code, stdout };
}

beforeAll(async () => {
  folder = await tempFolder('custody-dispositions-');
  callers = await startOidcCallers();
  const policy = policySchema.parse({
    tenant: 'acme',
    sources: [{ family: 'aws.cloudtrail', instance: ACCOUNT }],
    environments: { aws_accounts: { [ACCOUNT]: 'production' } },
  });
  custody = await openCustody({ folder: join(folder.path, 'data'), policy, secrets: secretsFrom({}), oidc: callers.oidc, version: '0', logTo: 'nowhere' }); // prettier-ignore
  url = await custody.listen('127.0.0.1', 0);
  const headers = { authorization: `Bearer ${custody.token}` };
  const imported = await fetch(
    `${url}/v1/imports?source=aws.cloudtrail&instance=${ACCOUNT}&received_at=${later(1)}T00:00:00Z`,
    {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/octet-stream' },
      body: `${JSON.stringify(trailRecord)}\n`,
    },
  );
  expect(await imported.text()).toContain('"accepted":1');
  await custody.settled();
  const checked = await fetch(
    `${url}/v1/check?framework=all&from=${DAY}T00:00:00Z&to=${later(1)}T00:00:00Z&as_of=${later(2)}T00:00:00Z&tests=T-25`,
    { method: 'POST', headers },
  );
  expect(checked.status).toBe(200);
});
afterAll(async () => {
  await custody?.close();
  await callers?.close();
  await folder?.remove();
});

test('lists what is open, says, classifies, confirms by a second person, shows it all, and repeats nothing', async () => {
  const open = await as('kim', 'list', '--state', 'open', '--format', 'json');
  const [found] = (JSON.parse(open.stdout) as ExceptionsPage).exceptions;
  const id = found?.exception.id ?? expect.unreachable();
  expect(id).toMatch(/^T-25-[0-9a-f]{24}$/);

  const respond = [
    'respond',
    id,
    '--agreement',
    'partly',
    '--text',
    'Written by hand.',
    '--due',
    later(30),
    '--key',
    'r1',
  ];
  const said = await as('kim', ...respond);
  expect(said.code).toBe(0);
  expect(said.stdout).toContain(id);
  await custody.settled();
  const again = await as('kim', ...respond);
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('was written before')]);

  const classified = await as('kim', 'classify', id, '--class', 'true_deviation', '--text', 'Nobody approved it.', '--format', 'json'); // prettier-ignore
  const { id: classification } = JSON.parse(classified.stdout) as { id: string };
  await custody.settled();
  await expect(as('kim', 'confirm', id, '--of', classification)).rejects.toThrow(/may not be the one/);
  expect((await as('lee', 'confirm', id, '--of', classification, '--text', 'Seen.')).code).toBe(0);
  await custody.settled();

  const shown = await as('lee', 'show', id);
  for (const words of ['Written by hand.', 'Nobody approved it.', 'kim', 'lee', 'Seen.'])
    expect(shown.stdout).toContain(words);
  expect((await as('lee', 'list', '--state', 'classified')).stdout).toContain(id);
});

test('an exception that nobody found is told as such, with where to look, by a process of its own', async () => {
  const token = (await callers.bearer('kim', 'auditor')).replace('Bearer ', '');
  const args = ['dispositions', 'show', 'T-25-000000000000000000000000', '--url', url];
  const { code, stdout, stderr } = await runCli(args, { cwd: folder.path, env: { CUSTODY_TOKEN: token } });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^custody: No kept check found an exception of this id\. `custody dispositions list`/);
});
