import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RECEIVED_AT } from '../support/native-files.ts';
import { runCli } from '../support/run-cli.ts';
import type { CliEnd } from '../support/run-cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

const PERIOD = ['--from', '2026-07-01', '--to', '2026-07-02', '--data', 'data'];
let folder: Awaited<ReturnType<typeof tempFolder>>;
let cwd = '';
const custody = (...args: string[]): Promise<CliEnd> => runCli(args, { cwd });

beforeAll(async () => {
  folder = await tempFolder();
  cwd = folder.path;
  const calls = Array.from({ length: 3 }, (_, id) => ({
    eventVersion: '1.11',
    eventID: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
    eventTime: `2026-07-01T10:00:0${id}Z`,
    eventSource: 's3.amazonaws.com',
    eventName: 'GetObject',
    awsRegion: 'eu-north-1',
    eventType: 'AwsApiCall',
    recipientAccountId: '111122223333',
    userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::111122223333:user/ada', accessKeyId: 'AKIAEXAMPLE000000001' },
  }));
  writeFileSync(join(cwd, 'calls.json'), JSON.stringify(calls));
  const done = await custody('import', '--source', 'aws.cloudtrail', '--received-at', RECEIVED_AT, '--data', 'data', 'calls.json'); // prettier-ignore
  expect(done.code, done.stderr).toBe(0);
}, 60_000);
afterAll(() => folder.remove());

describe('custody export', () => {
  test('writes OCSF to stdout, and tells how much on stderr', { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await custody('export', ...PERIOD);
    expect(code, stderr).toBe(0);
    const rows = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { class_uid: number }); // prettier-ignore
    expect(rows.map((row) => row.class_uid)).toEqual([6003, 6003, 6003]);
    expect(stderr).toContain('3 events');
  });

  test('puts a Parquet file in its place only when it is whole', { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await custody('export', '--format', 'parquet', ...PERIOD, '--out', 'calls.parquet'); // prettier-ignore
    expect([code, stdout], stderr).toEqual([0, '']);
    const bytes = readFileSync(join(cwd, 'calls.parquet'));
    expect([bytes.subarray(0, 4).toString(), bytes.subarray(-4).toString()]).toEqual(['PAR1', 'PAR1']);
    expect(existsSync(join(cwd, 'calls.parquet.partial'))).toBe(false);
  });

  test.each([
    ['Parquet without a file', ['--format', 'parquet', ...PERIOD], '--out'],
    ['no period', ['--data', 'data'], '--from'],
    ['another format', ['--format', 'xlsx', ...PERIOD], 'ocsf, ndjson, parquet'],
    ['a place that cannot be written', [...PERIOD, '--out', 'no/such/folder/x'], 'no/such/folder/x'],
  ])('refuses %s', { timeout: 60_000 }, async (_, args, word) => {
    const { code, stdout, stderr } = await custody('export', ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(word);
  });
});
