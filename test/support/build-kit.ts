import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const KIT = join(ROOT, 'ingest/issuer-kit');

/**
 * Builds the issuer kit into `to` as it is published: modules without any dependency, types of the kit alone, documents,
 * licences. `npm run build:kit` builds into `dist/issuer-kit`, where `npm pack` takes it from.
 */
export async function buildKit(to: string): Promise<void> {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(join(to, 'dist'), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(KIT, 'package.json'), 'utf8')) as { exports: Record<string, unknown> };
  const entries = Object.values(manifest.exports).flatMap((entry) => {
    const file = typeof entry === 'object' && entry !== null && 'default' in entry ? String(entry.default) : '';
    return file === '' ? [] : [join(KIT, file.replace('./dist/', '').replace(/\.js$/, '.ts'))];
  });
  await build({
    entryPoints: entries,
    outdir: join(to, 'dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    minifySyntax: true,
    minifyWhitespace: true,
    chunkNames: 'shared-[hash]',
    logLevel: 'warning',
  });
  const types = join(to, 'types');
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', KIT, '--outDir', types], { stdio: 'inherit' });
  const own = join(types, 'ingest/issuer-kit');
  mkdirSync(join(to, 'dist/issuer-kit'));
  for (const name of readdirSync(own)) copyFileSync(join(own, name), join(to, 'dist/issuer-kit', name));
  rmSync(types, { recursive: true });
  mkdirSync(join(to, 'contract'));
  for (const name of readdirSync(join(KIT, 'contract'))) copyFileSync(join(KIT, 'contract', name), join(to, 'contract', name)); // prettier-ignore
  for (const name of ['package.json', 'README.md']) copyFileSync(join(KIT, name), join(to, name));
  copyFileSync(join(ROOT, 'LICENSE'), join(to, 'LICENSE'));
  const zod = readFileSync(join(ROOT, 'node_modules/zod/LICENSE'), 'utf8');
  writeFileSync(join(to, 'dist/THIRD-PARTY.txt'), `Parts of zod are built into these modules:\n\n${zod}`);
}

if (process.argv[1] === import.meta.filename) await buildKit(join(ROOT, 'dist/issuer-kit'));
