import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

// The rules of the house as a test, so that they cannot go stale: floors, names, sizes, SQL, process.env, what the README says.
const ROOT = join(import.meta.dirname, '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));
const source = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
const product = source.filter(
  (file) => !file.startsWith('test/') && !/^vitest\.(?:kafka\.|keycloak\.|faults\.)?config\.ts$/.test(file),
);
const text = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Each room and the rooms it may import. An import goes down or stays; ingest and query do not know each other. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  model: ['model'],
  ledger: ['ledger', 'model'],
  store: ['store', 'ledger', 'model'],
  ingest: ['ingest', 'store', 'ledger', 'model'],
  query: ['query', 'store', 'ledger', 'model'],
  reports: ['reports', 'query', 'store', 'ledger', 'model'],
  deploy: ['deploy', 'ingest', 'model'],
  web: ['web', 'model'],
  server: ['server', 'reports', 'query', 'ingest', 'store', 'ledger', 'model'],
  cli: ['cli', 'server', 'deploy', 'reports', 'query', 'ingest', 'store', 'ledger', 'model'],
};

function importsOf(file: string): string[] {
  return [...text(file).matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)].map((found) =>
    normalize(join(dirname(file), found[1] ?? '')),
  );
}

const room = (file: string): string => file.split('/')[0] ?? '';

describe('the house', () => {
  test('every product file lives in a room, and imports go down', () => {
    const breaches = product
      .filter((file) => file !== 'custody.ts')
      .flatMap((file) => {
        const allowed = MAY_IMPORT[room(file)];
        if (!allowed) return [`${file}: no such room`];
        return importsOf(file)
          .filter((target) => !allowed.includes(room(target)))
          .map((target) => `${file} imports ${target}`);
      });
    expect(breaches).toEqual([]);
  });

  test('the issuer kit stands on model alone, and is all that deploy knows of ingest', () => {
    const kit = 'ingest/issuer-kit/';
    const breaches = product.flatMap((file) =>
      importsOf(file)
        .filter((target) =>
          file.startsWith(kit)
            ? !target.startsWith(kit) && room(target) !== 'model'
            : room(file) === 'deploy' && room(target) === 'ingest' && !target.startsWith(kit),
        )
        .map((target) => `${file} imports ${target}`),
    );
    expect(breaches).toEqual([]);
  });

  test('the command line file only dispatches', () => {
    expect(importsOf('custody.ts').every((target) => target.startsWith('cli/'))).toBe(true);
    expect(text('custody.ts').split('\n').length).toBeLessThan(20);
  });

  test('web imports only types', () => {
    const values = product
      .filter((file) => room(file) === 'web')
      .flatMap((file) => [...text(file).matchAll(/^import (?!type).*from '\.\.\/model/gm)].map(() => file));
    expect(values).toEqual([]);
  });

  test('names are kebab-case, and no file is longer than 250 lines', () => {
    expect(source.filter((file) => !/^(?:[a-z0-9][a-z0-9-]*\/)*[a-z0-9][a-z0-9.-]*\.ts$/.test(file))).toEqual([]);
    expect(
      product
        .filter((file) => text(file).split('\n').length > 251)
        .map((file) => `${file}: ${text(file).split('\n').length}`),
    ).toEqual([]);
  });

  test('SQL stands only in store/', () => {
    const sql = /\b(?:SELECT\s[\s\S]{1,200}?\sFROM|INSERT\s+INTO|CREATE\s+TABLE|ALTER\s+TABLE)\b/;
    expect(product.filter((file) => room(file) !== 'store' && sql.test(text(file)))).toEqual([]);
  });

  test('process.env is read only in settings.ts', () => {
    expect(product.filter((file) => !file.endsWith('settings.ts') && /process\.env/.test(text(file)))).toEqual([]);
  });

  test('model is pure: no file system, no network, no clock, no randomness', () => {
    const impure =
      /node:(?:fs|net|http|https|child_process|worker_threads|os)\b|Date\.now\(|new Date\(\)|Math\.random|randomUUID|randomBytes/;
    expect(product.filter((file) => room(file) === 'model' && impure.test(text(file)))).toEqual([]);
  });

  test('every room has a README, and nothing names the workplace it was written in', () => {
    const rooms = [...new Set(product.filter((file) => file.includes('/')).map(room))];
    expect(rooms.filter((name) => !existsSync(join(ROOT, name, 'README.md')))).toEqual([]);
    const workplace = /\/[w]ork\/|\/[f]arm\/|\.[l]ibrary/;
    expect(files.filter((file) => !/\.(?:png|pdf|gz|lock)$/.test(file) && workplace.test(text(file)))).toEqual([]);
  });

  test('no test is left focused, and each skip says why', () => {
    const tests = source.filter((file) => file.startsWith('test/') && file !== 'test/repository.test.ts');
    expect(tests.filter((file) => /\b(?:test|it|describe)\.only\(|\bit\.todo\(/.test(text(file)))).toEqual([]);
  });

  test('every command and script that the README names exists', () => {
    const scripts = Object.keys((JSON.parse(text('package.json')) as { scripts: Record<string, string> }).scripts);
    const named = [...text('README.md').matchAll(/npm run ([a-z:-]+)/g)].map((found) => found[1] ?? '');
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
    const commands = [...text('README.md').matchAll(/npx custody ([a-z-]+)/g)].map((found) => found[1] ?? '');
    expect(commands.filter((name) => !existsSync(join(ROOT, 'cli/commands', `${name}.ts`)))).toEqual([]);
  });
});
