import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONTRACT_VERSION, contractDocuments } from '../../../ingest/issuer-kit/contract-documents.ts';
import { breachesOf, obligatoryFor } from '../../../model/token-contract.ts';
import { TOKEN_EVENT_TYPES } from '../../../model/token-event.ts';
import { buildKit } from '../../support/build-kit.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const ROOT = join(import.meta.dirname, '../../..');
const DOCUMENTS = contractDocuments();

describe('the documents of the contract', () => {
  test('have the version of the kit', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'ingest/issuer-kit/package.json'), 'utf8')) as {
      version: string;
    };
    expect(manifest.version).toBe(CONTRACT_VERSION);
  });

  test('stand in the folder as the code makes them; npm run contract writes them', () => {
    const folder = join(ROOT, 'ingest/issuer-kit/contract');
    expect(readdirSync(folder).toSorted()).toEqual(Object.keys(DOCUMENTS).toSorted());
    for (const [name, document] of Object.entries(DOCUMENTS))
      expect([name, JSON.parse(readFileSync(join(folder, name), 'utf8'))]).toEqual([name, document]);
  });

  test('the AsyncAPI document is one by the published schema of AsyncAPI 3.0', () => {
    const path = join(ROOT, 'node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json');
    const schema = JSON.parse(readFileSync(path, 'utf8')) as object;
    const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
    const validate = ajv.compile(schema);
    expect([validate(DOCUMENTS['asyncapi.json']), validate.errors]).toEqual([true, null]);
    expect(validate({ ...DOCUMENTS['asyncapi.json'], asyncapi: '9' })).toBe(false);
  });

  test('the JSON Schema and the code judge alike', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    for (const name of ['token-event.schema.json', 'review.schema.json']) ajv.addSchema(DOCUMENTS[name] ?? {});
    const validate = ajv.compile(DOCUMENTS['cloudevent.schema.json'] ?? {});
    const verdicts = cases().map((event) => [validate(event), breachesOf(event).length === 0, event]);
    expect(verdicts.filter(([schema, code]) => schema !== code)).toEqual([]);
    const good = verdicts.filter(([schema]) => schema === true).length;
    expect([good > 10, verdicts.length - good > 100]).toEqual([true, true]);
  });
});

/** Good events of every type, and each of them spoilt at each place. */
function cases(): readonly unknown[] {
  const party = { kind: 'human', iss: 'https://idp.example', sub: '00u1', aliases: [{ iss: 'a', sub: 'b' }] };
  const token = { iss: 'https://broker.example', jti: 'b-1', kind: 'jwt', cnf: { jkt: 'x' } };
  const data = {
    schema_version: 1,
    request_id: 'r-1',
    token,
    parent_tokens: [{ ...token, jti: 'a-1' }],
    subject: party,
    actors: [party],
    requester: party,
    approval: { mode: 'human', decision_by: party, decided_at: '2026-06-01T12:00:00+02:00' },
    target: { type: 'aws_role', name: 'arn:aws:iam::111122223333:role/x' },
    ci: { provider: 'gitlab', ref_protected: true },
    scope: ['deploy'],
    expires_at: '2026-06-01T12:10:00.123456Z',
  };
  const envelope = { specversion: '1.0', id: 'e-1', source: 'https://broker.example', time: '2026-06-01T12:00:00Z' };
  const whole = TOKEN_EVENT_TYPES.map((type) => ({ ...envelope, type, data }));
  const review = { schema_version: 1, review: { subject_type: 'break_glass', subject_id: 'r-1', reviewer: party } };
  const others = [
    { ...envelope, type: 'io.accessaudit.review.completed.v1', data: review },
    { ...envelope, type: 'com.example.other', data: 'anything' },
    { ...envelope, type: TOKEN_EVENT_TYPES[6], data: { schema_version: 1, scope: { subject: party } } },
    { ...envelope, type: TOKEN_EVENT_TYPES[7], data: { schema_version: 1, token: { sha256: 'a'.repeat(64) } } },
  ];
  // One type at every depth, of the others what stands directly in the data: they share the rest.
  const shallow = whole.flatMap((event) =>
    Object.keys(data).flatMap((key) => BAD.map((bad) => ({ ...event, data: { ...data, [key]: bad } }))),
  );
  const spoilt = [...spoil(whole[4]), ...shallow, ...others.flatMap((event) => spoil(event))];
  return [...whole, ...others, ...spoilt, null, [], 'text', 1];
}

const BAD = [undefined, null, '', [], {}, 7];

/** The value with each of its members, at any depth, replaced by each bad value. */
function spoil(value: unknown): readonly unknown[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.keys(value).flatMap((key) => {
    const inner = (value as Record<string, unknown>)[key];
    const replaced = [...BAD, ...spoil(inner)];
    return replaced.map((item) => {
      if (Array.isArray(value)) return value.map((old: unknown, index) => (String(index) === key ? item : old));
      const { [key]: _, ...rest } = value as Record<string, unknown>;
      return item === undefined ? rest : { ...rest, [key]: item };
    });
  });
}

describe('the package', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let app = '';
  const run = (file: string, args: readonly string[], cwd: string): string =>
    execFileSync(file, args, { cwd, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: folder.path } });

  beforeAll(async () => {
    folder = await tempFolder();
    const built = join(folder.path, 'built');
    await buildKit(built);
    run('npm', ['pack', '--pack-destination', folder.path, '--silent'], built);
    app = join(folder.path, 'app');
    mkdirSync(app);
    writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'an-issuer', private: true, type: 'module' }));
    // Offline: whatever it needed beyond itself would be missing now.
    run(
      'npm',
      ['install', '--offline', '--no-audit', '--no-fund', `../custody-issuer-kit-${CONTRACT_VERSION}.tgz`],
      app,
    );
  }, 120_000);
  afterAll(() => folder.remove());

  test('installs alone, is small, and works from another folder', () => {
    const installed = join(app, 'node_modules/custody-issuer-kit');
    expect(readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      'custody-issuer-kit',
    ]);
    const bytes = readdirSync(join(installed, 'dist')).reduce((sum, name) => sum + (name.endsWith('.js') ? statSync(join(installed, 'dist', name)).size : 0), 0); // prettier-ignore
    expect(bytes).toBeLessThan(260_000);
    writeFileSync(
      join(app, 'try.mjs'),
      `import { openIssuer } from 'custody-issuer-kit';
import { checkEvent } from 'custody-issuer-kit/check';
import { buildEvent } from 'custody-issuer-kit/events';
import { partiesOf, tokenHash } from 'custody-issuer-kit/parties';
import { verifyReceipt } from 'custody-issuer-kit/receipt';
import { IssuerKitError } from 'custody-issuer-kit/errors';
import asyncapi from 'custody-issuer-kit/contract/asyncapi.json' with { type: 'json' };
const kit = await openIssuer({ url: 'http://127.0.0.1:9', token: 'x', source: 's', spoolFolder: 'spool', onNotice() {} });
const { sequence } = await kit.emit({ type: 'requested', data: { request_id: 'r', requester: { kind: 'human', iss: 'i', sub: 's' } } });
let refused = false;
try { buildEvent({ type: 'issued', data: {} }, 's'); } catch (error) { refused = error instanceof IssuerKitError; }
await kit.close();
console.log(JSON.stringify([sequence, refused, checkEvent({}).length > 0, typeof partiesOf, typeof tokenHash, typeof verifyReceipt, asyncapi.asyncapi]));
`,
    );
    const out = run(process.execPath, ['--no-warnings', 'try.mjs'], app);
    expect(JSON.parse(out)).toEqual([1, true, true, 'function', 'function', 'function', '3.0.0']);
  });

  test('its types stand alone: a strict TypeScript project without zod compiles, and a wrong event does not', () => {
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2023',
      noEmit: true,
      types: [],
      lib: ['es2023', 'dom'],
    };
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
    const use = (data: string): string =>
      `import { openIssuer } from 'custody-issuer-kit';
import type { Issuer } from 'custody-issuer-kit';
import { checkEvent } from 'custody-issuer-kit/check';
export async function report(): Promise<number> {
  const issuer: Issuer = await openIssuer({ url: 'https://custody.example', token: () => 'x', source: 's', spoolFolder: 'f' });
  const { sequence } = await issuer.emit({ type: 'expired', data: ${data} });
  return sequence + checkEvent({}).length;
}
`;
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    writeFileSync(join(app, 'use.ts'), use("{ token: { kind: 'jwt', iss: 'i', jti: 'j' } }"));
    expect(run(tsc, ['-p', '.'], app)).toBe('');
    writeFileSync(join(app, 'use.ts'), use("{ subject: { kind: 'human', iss: 'i', sub: 's' } }"));
    expect(() => run(tsc, ['-p', '.'], app)).toThrow();
  });
});

describe('what types need', () => {
  test('every type of the contract says what it cannot do without', () => {
    for (const type of TOKEN_EVENT_TYPES) expect(obligatoryFor(type).length).toBeGreaterThan(0);
  });
});
