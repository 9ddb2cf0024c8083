import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { injectApi, pathWith, readJson } from '../api.ts';
import type { Api } from '../api.ts';
import { portOption, refuseArguments, textOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { replay } from './deliver.ts';
import { reportText } from '../report-text.ts';
import { writeReport } from '../write-report.ts';
import type { WrittenReport } from '../write-report.ts';
import { packageVersion } from '../settings.ts';
import { settledText } from '../settled.ts';
import type { Demo } from '../../deploy/demo/generate.ts';
import type { CheckResult } from '../../model/control.ts';
import type { Chain } from '../../model/chain.ts';
import { Problem } from '../../model/problem.ts';
import { plantedText } from '../planted-text.ts';
import { matrixText } from '../../query/controls/check-text.ts';
import { traceText } from '../../query/trace-text.ts';

const MARK = '.custody-demo';

export const demoCommand: Command = {
  name: 'demo',
  help: `
Usage: custody demo [--serve] [options]

Tells a quarter of a made-up company: some 7,400 deliveries of eight systems go through the intake; one chain is traced,
the control tests are run and must find what was planted, and two reports are written. Everything lies in one folder,
./custody-demo by default, and is made anew each time. With --serve the API stays up afterwards, so that the other commands
can be tried:

  custody demo --serve
  custody trace --data custody-demo/data KEY`,
  common: [],
  options: { serve: { type: 'boolean' }, port: { type: 'string' }, out: { type: 'string' } },
  describe: {
    serve: 'keep the API up afterwards',
    port: 'its port (default 8080)',
    out: 'the folder (default ./custody-demo)',
  },
  async run(args, context) {
    refuseArguments(args, 'demo');
    const port = portOption(args, 8_080);
    const folder = resolve(textOption(args, 'out') ?? 'custody-demo');
    const { readPolicy } = await import('../local-options.ts');
    const { createDemo } = await import('../../deploy/demo/generate.ts');
    const { openCustody } = await import('../../server/open-custody.ts');
    const demo = createDemo();
    const files = await prepareFolder(folder, demo);
    const { policy, secrets } = readPolicy(files.policy);
    const custody = await openCustody({
      folder: files.data,
      policy,
      secrets,
      policyFile: files.policy,
      oidc: undefined,
      version: packageVersion(),
      logTo: 'nowhere',
    });
    const api = injectApi(custody.app, custody.token, () => Promise.resolve());
    try {
      await tellDemo(api, demo, join(folder, 'reports'), context);
      if (args.values['serve'] === true) {
        const url = await custody.listen('127.0.0.1', port);
        context.say(
          `\nThe API is up at ${url} until you press Ctrl-C. Try:\n  npx custody trace --data ${files.data} ${demo.showcase}\n`,
        );
        await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
      }
      return 0;
    } finally {
      await custody.close();
    }
  },
};

async function tellDemo(api: Api, demo: Demo, reports: string, context: CommandContext): Promise<void> {
  const lines = demo.deliveries.map((delivery) => `${JSON.stringify(delivery)}\n`);
  const refused: string[] = [];
  const summary = await replay(
    api,
    { body: Readable.from(lines), type: 'application/x-ndjson' },
    context,
    (outcome) => {
      if (outcome.status >= 400)
        refused.push(`  ${outcome.delivery_id ?? ''}: HTTP ${outcome.status} ${outcome.reason ?? ''}`);
    },
    lines.length,
  );
  await context.out(
    `${heading('What arrived')}${settledText(summary.settled)}${refused.length === 0 ? '' : `Refused at the door:\n${refused.join('\n')}\n`}`,
  );
  const chain = await readJson<Chain>(await api.send('GET', pathWith('/v1/trace', { key: demo.showcase })));
  await context.out(`${heading('One chain: a deployment by an AI agent')}${traceText(chain)}`);
  const check = await readJson<CheckResult>(
    await api.send('GET', pathWith('/v1/check', { framework: 'all', from: demo.from, to: demo.to, as_of: demo.asOf })),
  );
  await context.out(`${heading('The control tests')}${matrixText(check)}`);
  await context.out(`${heading('What was planted, and what found it')}${plantedText(check, demo.planted)}`);
  const { FRAMEWORK_IDS } = await import('../../query/frameworks/registry.ts');
  const written: WrittenReport[] = [];
  for (const framework of FRAMEWORK_IDS)
    written.push(
      await writeReport(api, { framework, from: demo.from, to: demo.to, as_of: demo.asOf }, reports, context),
    );
  await context.out(
    `${heading('The reports')}${reportText(written)}${nextText(demo, relative(process.cwd(), resolve(reports, '..')) || '.')}`,
  );
}

/** What a newcomer can try next, with what is there now. */
function nextText({ showcase }: Demo, folder: string): string {
  const own = `--data ${join(folder, 'data')} --config ${join(folder, 'custody.yaml')}`;
  return [
    '',
    'Try next, on the same data:',
    `  npx custody trace ${own} ${showcase}`,
    `  npx custody timeline ${own} --from 2026-08-25 --to 2026-08-26 --where 'action=api.*'`,
    `  npx custody sources ${own}`,
    '',
  ].join('\n');
}

function heading(text: string): string {
  return `\n${text}\n${'='.repeat(text.length)}\n`;
}

/** Makes the demo's folder anew. A folder that is not the demo's is never touched. */
async function prepareFolder(folder: string, demo: Demo): Promise<{ data: string; policy: string }> {
  if (existsSync(folder) && !existsSync(join(folder, MARK))) {
    throw new Problem('usage', `${folder} is there and was not made by the demo. Give another folder with --out.`);
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, MARK), 'Made by `custody demo`; removed and made anew by the next one.\n');
  const policy = join(folder, 'custody.yaml');
  await writeFile(policy, demo.policy);
  await writeFile(join(folder, 'custody.secrets.yaml'), demo.secrets, { mode: 0o600 });
  return { data: join(folder, 'data'), policy };
}
