import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { ParseInput } from '../../ingest/sources/adapter.ts';

/** Root of the project, and the test material that may lie beside it. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const SHARED = resolve(ROOT, '../shared');

/** What an adapter is given, for a value; the rest as for a registered installation of a made-up company. */
export function inputOf(json: unknown, more: Partial<ParseInput> = {}): ParseInput {
  return {
    json,
    instance: '',
    receivedAt: Date.UTC(2026, 7, 20, 12) * 1_000,
    headers: {},
    variables: {
      accessRequest: 'ACCESS_REQUEST_ID',
      change: 'CHANGE_ID',
      requestSystem: 'okta',
      requestScope: 'org.okta.example',
    },
    ...more,
  };
}

/** The values of a file of JSON lines, gzip or not; undefined where the file is absent. */
export function readLines(path: string): readonly unknown[] | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line): unknown => JSON.parse(line));
}
