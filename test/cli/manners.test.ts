import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

const COMMANDS = [
  'demo', 'start', 'import', 'deliver', 'poll', 'trace', 'timeline', 'identities', 'export', 'check', 'report', 'verify', 'sources',
  'dispositions', 'issuers', 'dead-letters', 'issuer-check', 'policy', 'rebuild', 'topics',
]; // prettier-ignore

/** The common options of the commands that do not take all of them. */
const COMMON: Readonly<Record<string, readonly string[]>> = {
  demo: [],
  verify: ['format'],
  policy: ['config', 'format'],
  'issuer-check': ['format'],
  topics: ['format'],
  start: ['data', 'config'],
};

let folder: Awaited<ReturnType<typeof tempFolder>>;
let cwd = '';
beforeAll(async () => {
  folder = await tempFolder();
  cwd = folder.path;
});
afterAll(() => folder.remove());

/** Runs a command in an empty working folder, with nothing of the environment. */
const custody = (...args: string[]): ReturnType<typeof runCli> => runCli(args, { cwd });

describe.concurrent('help', () => {
  test('no command: the overview, and exit code 2', async () => {
    const { code, stdout, stderr } = await custody();
    expect(code).toBe(2);
    for (const command of COMMANDS) expect(stdout).toContain(`\n  ${command} `);
    expect(stdout).toContain('npx custody demo');
    expect(stderr).toBe('');
  });

  test.each(['--help', '-h', 'help'])('%s: the overview, and exit code 0', async (word) => {
    const { code, stdout } = await custody(word);
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: custody COMMAND');
  });

  test.each(COMMANDS)('%s --help teaches: usage, every option, exit codes', async (command) => {
    const { code, stdout, stderr } = await custody(command, '--help');
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(new RegExp(`^Usage: custody ${command}\\b`));
    expect(stdout).toContain('Exit codes: 0 ok, 1 findings, 2 wrong usage or configuration, 3 could not run.');
    for (const line of stdout.split('\nOptions\n')[1]?.split('\n') ?? [])
      if (line.startsWith('  --')) expect(line).toMatch(/^ {2}--[a-z-]+ +\S.{5}/);
    // A command lists what it takes, and nothing else: `verify --data` would be taken and do nothing.
    const common = ['data', 'config', 'url', 'format'].filter((option) => stdout.includes(`\n  --${option} `));
    expect(common).toEqual(COMMON[command] ?? ['data', 'config', 'url', 'format']);
    expect(stdout.split('\n').filter((line) => line.length > 132)).toEqual([]);
  });

  test('help COMMAND is the same page', async () => {
    const [one, other] = await Promise.all([custody('help', 'trace'), custody('trace', '-h')]);
    expect(one.stdout).toBe(other.stdout);
  });

  test('--version', async () => {
    expect((await custody('--version')).stdout).toMatch(/^custody \d+\.\d+\.\d+\n$/);
  });
});

describe.concurrent('wrong usage is answered with a sentence that helps, and exit code 2', () => {
  test.each<[string[], RegExp]>([
    [['frobnicate'], /there is no command "frobnicate"\. Commands: demo, start, import/],
    [['trace', '--frob', 'x'], /Unknown option '--frob'.*custody trace --help/],
    [['trace'], /one key.*custody trace --help/],
    [['trace', 'a', 'b'], /one key.*custody trace --help/],
    // Refused before a folder is looked for, or opened.
    [['trace', 'nonsense'], /no key that Custody knows/],
    [['trace', 'a', '--format', 'xml'], /--format is one of text, json, not "xml"/],
    [['timeline', '--from', '2026-01-01', '--to', '2026-01-02', '--format', 'pdf'], /--format is one of text, ndjson, csv/],
    [['timeline', '--to', '2026-01-02'], /--from is needed/],
    [['timeline', '--from', 'yesterday', '--to', '2026-01-02'], /--from must be a date .*not "yesterday"/],
    [['timeline', '--from', '2026-13-41', '--to', '2026-01-02'], /--from must be a date .*not "2026-13-41"/],
    [['timeline', '--from', '2026-01-01T10:00:00', '--to', '2026-01-02'], /time with a zone/],
    [['check', '--from', '2026-01-01', '--to', '2026-02-01'], /--framework is needed/],
    [['check', '--framework', 'soc3', '--from', '2026-01-01', '--to', '2026-02-01'], /soc2.*iso27001.*all.*soc3/],
    [['check', '--framework', 'soc2', '--from', '2026-02-01', '--to', '2026-01-01'], /from.*before/],
    [['report', '--framework', 'soc3', '--from', '2026-01-01', '--to', '2026-02-01', '--out', 'x'], /soc2, iso27001, all.*"soc3"/],
    [['report', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01'], /--out is needed/],
    [['report', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01', '--out', 'x', '--confidence', '90'], /--confidence and --tolerable belong together/],
    [['report', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01', '--out', 'x', '--sample-size', '40'], /--sample-size is T-01=VALUE, not "40"/],
    [['report', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01', '--out', 'x', '--checkpoint', 'there-is-none'], /there-is-none cannot be read/],
    [['verify'], /one pack, a folder or a zip/],
    [['verify', 'there-is-none'], /there is no pack at .*there-is-none/],
    [['verify', '.', '--key', 'no-key'], /--key is a line such as .*not "no-key"/],
    [['import', 'file'], /--source is needed/],
    [['import', '--source', 'okta'], /"okta" is no source\. Sources: gitlab\.audit-stream/],
    [['import', '--source', 'okta.log'], /at least one file/],
    [['import', '--source', 'okta.log', 'there-is-none'], /there-is-none cannot be read: ENOENT/],
    [['import', '--source', 'okta.log', '.'], /\. is not a file/],
    [['deliver'], /one file/],
    [['deliver', 'there-is-none'], /there-is-none cannot be read/],
    [['start', '--port', '99999'], /--port must be a number from 0 to 65535/],
    [['start', 'now'], /start takes no argument/],
    [['start', '--url', 'http://127.0.0.1:1'], /Unknown option '--url'.*custody start --help/],
    [['verify', 'x.zip', '--data', 'y'], /Unknown option '--data'.*custody verify --help/],
    [['start', '--host', '0.0.0.0'], /needs OIDC.*CUSTODY_OIDC_ISSUER/],
    [['trace', 'event:ce/x', '--url', 'not a url'], /--url must be an http or https address/],
    [['trace', 'event:ce/x', '--config', 'there-is-none.yaml'], /there-is-none\.yaml cannot be read/],
    [['sources', 'extra'], /takes no argument/],
    [['dead-letters'], /needs list, show or replay/],
    [['dead-letters', 'show'], /takes one ID, such as/],
    [['dead-letters', 'list', 'x'], /takes filters, not "x"/],
    [['dead-letters', 'replay'], /IDs, or filters, or --all: one of the three/],
    [['dead-letters', 'replay', 'okta.log/0/1', '--all'], /one of the three/],
    [['rebuild', 'extra'], /takes no argument/],
    [['check', 'extra', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01'], /takes no argument/],
    [['timeline', 'extra', '--from', '2026-01-01', '--to', '2026-02-01'], /takes no argument/],
    [['report', 'extra', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01', '--out', 'x'], /takes no argument/],
    [['demo', 'extra'], /takes no argument/],
    [['demo', '--serve', '--port', 'abc', '--out', 'never-made'], /--port must be a number/],
    [['timeline', '--from', '2026-01-01', '--to', '2026-02-01', '--limit', 'many'], /limit must be a whole number/],
  ])('custody %j', async (args, message) => {
    const { code, stdout, stderr } = await custody(...args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^custody: /);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  }); // prettier-ignore
});

describe.concurrent('policy and secrets', () => {
  const write = (name: string, text: string, mode = 0o600): string => {
    const place = join(cwd, name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'custody.yaml'), 'tenant: acme\n');
    writeFileSync(join(place, 'custody.secrets.yaml'), text, { mode });
    chmodSync(join(place, 'custody.secrets.yaml'), mode);
    return join(place, 'custody.yaml');
  };

  test('a policy file that is wrong names line and field', async () => {
    const path = join(cwd, 'wrong.yaml');
    writeFileSync(path, 'tenant: acme\nsources:\n  - family: okta.log\n    instance: 7\n    credential: x\n');
    const { code, stderr } = await custody('sources', '--data', 'none', '--config', path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wrong\.yaml/);
    expect(stderr).toMatch(/line \d|:\d+/);
    expect(stderr).toMatch(/sources[.[]0/);
  });

  test('policy check tells each fault with line and remedy, and of a good file the hashes to register', async () => {
    writeFileSync(join(cwd, 'faulty.yaml'), 'tenant: a\nsorces: []\n');
    const faulty = await custody('policy', 'check', 'faulty.yaml');
    expect(faulty.code).toBe(2);
    expect(faulty.stdout).toMatch(/\b2\b.*sorces[\s\S]*Did you mean "sources"\?[\s\S]*1 error/);
    const example = join(import.meta.dirname, '../../custody.example.yaml');
    const good = await custody('policy', 'check', example);
    expect(good.code).toBe(0);
    expect(good.stdout).toMatch(
      /: no faults\n {2}policy {3}SHA-256 [0-9a-f]{64}\n {2}content {2}SHA-256 [0-9a-f]{64}\n/,
    );
    expect((await custody('policy', 'mend')).code).toBe(2);
  });

  test('a policy file that is no YAML says where', async () => {
    const path = join(cwd, 'broken.yaml');
    writeFileSync(path, 'tenant: acme\nsources: [\n');
    const { code, stderr } = await custody('sources', '--data', 'none', '--config', path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/broken\.yaml.*line \d|broken\.yaml:\d/s);
  });

  test('secrets that others can read are refused, with the command that mends it', async () => {
    const path = write('open', 'okta: 0123456789abcdef\n', 0o644);
    const { code, stderr } = await custody('sources', '--data', 'none', '--config', path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/can be read by others; run: chmod 600/);
    expect(stderr).not.toContain('0123456789abcdef');
  });

  test('a secrets file that cannot be parsed is not quoted', async () => {
    const path = write('garbled', 'okta: "0123456789abcdef\n');
    const { code, stderr } = await custody('sources', '--data', 'none', '--config', path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/neither YAML nor JSON/);
    expect(stderr).not.toContain('0123456789');
  });
});

describe.concurrent('nothing imported yet', () => {
  test.each([
    [['trace', 'aws:accesskey:ASIAEXAMPLE000000001']],
    [['timeline', '--from', '2026-01-01', '--to', '2026-02-01']],
    [['check', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01']],
    [['report', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01', '--out', 'reports']],
    [['sources']],
    [['rebuild']],
  ])('custody %j says so, and makes no folder', async (args) => {
    const { code, stdout, stderr } = await custody(...args, '--data', 'nothing-here');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      /^custody: nothing was imported yet: there is no data at .*nothing-here\. See custody import/,
    );
  });
});

test('a folder that holds other files is not taken', async () => {
  mkdirSync(join(cwd, 'photos'));
  writeFileSync(join(cwd, 'photos', 'cat.jpg'), '');
  writeFileSync(join(cwd, 'some.ndjson'), '{}\n');
  const { code, stderr } = await custody('import', '--source', 'okta.log', '--data', 'photos', 'some.ndjson');
  expect(code).toBe(2);
  expect(stderr).toMatch(/photos holds other files; name an empty or a new folder/);
});
