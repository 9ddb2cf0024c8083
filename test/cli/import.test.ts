import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RECEIVED_AT, writeMixedHooks } from '../support/native-files.ts';
import { runCli, startCli } from '../support/run-cli.ts';
import type { CliEnd } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let cwd = '';
beforeAll(async () => {
  folder = await tempFolder();
  cwd = folder.path;
});
afterAll(() => folder.remove());

const custody = (...args: string[]): Promise<CliEnd> => runCli(args, { cwd });
const write = (name: string, bytes: string | Buffer): string => {
  writeFileSync(join(cwd, name), bytes);
  return name;
};
const trail = (id: number): object => ({
  eventVersion: '1.11',
  eventID: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
  eventTime: '2026-07-01T10:00:00Z',
  eventSource: 's3.amazonaws.com',
  eventName: 'GetObject',
  awsRegion: 'eu-north-1',
  eventType: 'AwsApiCall',
  recipientAccountId: '111122223333',
  userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/ada', accessKeyId: 'AKIAEXAMPLE000000001' },
});
const IMPORT = ['import', '--source', 'aws.cloudtrail', '--received-at', RECEIVED_AT, '--format', 'json', '--data'];

describe('custody import', () => {
  test('takes every shape of a file, several at once; --format json prints one document and nothing else', async () => {
    const events = Array.from({ length: 12 }, (_, id) => trail(id));
    const files = [
      write('lines.ndjson', events.slice(0, 3).map((event) => JSON.stringify(event)).join('\n')),
      write('array.json', JSON.stringify(events.slice(3, 6))),
      write('records.json', JSON.stringify({ Records: events.slice(6, 9) }, undefined, 2)),
      write('records.json.gz', gzipSync(JSON.stringify({ Records: events.slice(9, 12) }))),
    ]; // prettier-ignore
    const first = await custody(...IMPORT, 'shapes', ...files);
    expect(first.code, first.stderr).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual({ accepted: 12, duplicate: 0, conflict: 0, rejected: {} });
    expect(first.stdout.trim().split('\n')).toHaveLength(1);
    expect(first.stderr).toContain('records.json.gz');
    for (let again = 0; again < 2; again += 1) {
      const next = await custody(...IMPORT, 'shapes', ...files);
      expect(JSON.parse(next.stdout)).toEqual({ accepted: 0, duplicate: 12, conflict: 0, rejected: {} });
    }
  }, 120_000);

  test('an empty file is told as such', async () => {
    const { code, stderr, stdout } = await custody(...IMPORT, 'empty', write('empty.ndjson', ''));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^custody: (empty\.ndjson: )?.*empty/im);
  });

  test('a file that may not be read is told as such', async () => {
    const closed = write('closed.ndjson', '{}');
    chmodSync(join(cwd, closed), 0);
    // Root reads every file; what lies "in" a file nobody can open.
    const path = process.getuid?.() === 0 ? `${closed}/inside.ndjson` : closed;
    const { code, stderr } = await custody(...IMPORT, 'closed', path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/ndjson cannot be read/);
  });

  test('garbage is counted by reason, with what can be done, and the exit code says that there are findings', async () => {
    const good = JSON.stringify(trail(100));
    const { code, stdout } = await custody(
      'import', '--source', 'aws.cloudtrail', '--data', 'garbage', '--received-at', RECEIVED_AT,
      write('garbage.ndjson', `${good}\nno json at all\n{"eventID":"x"}\n[1,2,3]\n\n${good}\n`),
    ); // prettier-ignore
    expect(code).toBe(1);
    expect(stdout).toMatch(/^1 accepted, 1 duplicate, 0 conflict, \d+ rejected$/m);
    expect(stdout).toMatch(/^ {2}invalid_json: 1\. \S/m);
  });

  test('bytes of another kind of file end as a reason, not as a fault', async () => {
    const noise = Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7_919 + (index >> 3)) & 0xff));
    const { code, stdout, stderr } = await custody(...IMPORT, 'noise', write('noise.bin', noise));
    expect(code, stderr).toBe(1);
    const { accepted, rejected } = JSON.parse(stdout) as { accepted: number; rejected: Record<string, number> };
    expect(accepted).toBe(0);
    expect(Object.values(rejected).reduce((a, b) => a + b, 0)).toBeGreaterThan(0);
  });

  test('a compressed file that is cut off keeps what could be read, and says that it ended early', async () => {
    const whole = gzipSync(Array.from({ length: 5_000 }, (_, id) => `${JSON.stringify(trail(1_000 + id))}\n`).join(''));
    const { code, stderr } = await custody(
      ...IMPORT,
      'cut',
      write('cut.ndjson.gz', whole.subarray(0, whole.length / 2)),
    );
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(/^custody: .*(cut|damaged|gzip|compressed|end)/im);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('a compressed bomb costs neither memory nor the store', async () => {
    const bomb = gzipSync(Buffer.alloc(300 * 1_048_576, 0x20));
    const run = startCli([...IMPORT, 'bomb', write('bomb.gz', bomb)], { cwd });
    const { code, stderr } = await run.end;
    expect(code).toBeGreaterThan(0);
    expect(code).toBeLessThanOrEqual(3);
    expect(stderr).not.toMatch(/heap|\n\s+at /);
  }, 120_000);

  test('Ctrl-C ends it with a word on what to do; the same command goes on', async () => {
    const path = join(cwd, 'hooks.ndjson');
    const { lines } = writeMixedHooks(path, [5]);
    const args = ['import', '--source', 'gitlab.webhook', '--data', 'hooks', '--received-at', RECEIVED_AT, '--format', 'json', path]; // prettier-ignore
    const run = startCli(args, { cwd });
    await run.says('bytes');
    run.child.kill('SIGINT');
    const cut = await run.end;
    expect(cut.code).toBe(130);
    expect(cut.stdout).toBe('');
    expect(cut.stderr).toMatch(/SIGINT: stopping\. .*goes on with the next command/);
    const again = await runCli(args, { cwd });
    const { accepted, duplicate, conflict, rejected } = JSON.parse(again.stdout) as Record<string, number> & {
      rejected: Record<string, number>;
    };
    const counted = Object.values(rejected).reduce((a, b) => a + b, 0) + (accepted ?? 0) + (duplicate ?? 0) + (conflict ?? 0); // prettier-ignore
    expect(counted).toBe(lines);
  }, 120_000);
});

describe('custody | head', () => {
  test('a reader that stops reading ends the command quietly', async () => {
    const bin = fileURLToPath(new URL('../../bin/custody.mjs', import.meta.url));
    const many = Array.from({ length: 4_000 }, (_, id) => `${JSON.stringify(trail(10_000 + id))}\n`).join('');
    await custody(...IMPORT, 'pipe', write('many.ndjson', many));
    const command = `'${process.execPath}' '${bin}' timeline --data pipe --from 2026-01-01 --to 2027-01-01 --limit 4000 | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
      const child = spawn('bash', ['-c', command], { cwd });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      child.on('close', () => resolve({ stdout: out, stderr: err }));
    });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n').at(-1)).toBe('0');
    // The folder was given back.
    expect(readdirSync(join(cwd, 'pipe'))).not.toContain('server.json');
    expect((await custody('sources', '--data', 'pipe')).code).toBe(0);
  }, 120_000);

  test('an empty store: nothing is found, and it is said kindly', async () => {
    mkdirSync(join(cwd, 'void'), { recursive: true });
    // A folder in which an import brought nothing.
    await custody(...IMPORT, 'void', write('none.ndjson', '\n\n'));
    const sources = await custody('sources', '--data', 'void');
    expect(sources.stderr + sources.stdout).toMatch(/none has sent anything|nothing was imported/i);
    const trace = await custody('trace', 'aws:accesskey:ASIAEXAMPLE000000001', '--data', 'void');
    expect(trace.code).toBe(1);
    expect(trace.stderr).toMatch(/Nothing is known of aws:accesskey:ASIAEXAMPLE000000001|nothing was imported/);
    const check = await custody('check', '--framework', 'soc2', '--from', '2026-01-01', '--to', '2026-02-01', '--data', 'void'); // prettier-ignore
    expect(check.stdout).toContain('No source that this test reads is connected.');
    expect(check.stdout).not.toMatch(/no exceptions noted/);
    const timeline = await custody('timeline', '--from', '2026-01-01', '--to', '2026-02-01', '--data', 'void');
    expect(timeline.code).toBe(0);
    expect(timeline.stdout).toMatch(/no event/i);
  }, 120_000);
});
