import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** veraPDF, the reference validator, fetched once by Maven from deploy/verapdf/pom.xml. */

const ROOT = join(import.meta.dirname, '../..');
const POM = join(ROOT, 'deploy/verapdf/pom.xml');
const CACHE = join(ROOT, 'node_modules/.cache/verapdf');

export const FLAVOURS = ['3a', 'ua1'] as const;
export type Flavour = (typeof FLAVOURS)[number];

/** Why veraPDF cannot run here; undefined if it can. Maven is needed only until the jars are fetched. */
export function missingForVeraPdf(): string | undefined {
  if (!runs('java', ['-version'])) return 'java is not installed';
  return existsSync(jarFolder()) || runs('mvn', ['-version'])
    ? undefined
    : 'mvn is not installed, and veraPDF is not fetched';
}

/** The folder of the jars of this pom, fetched if it is not there. `say` is told what is going on. */
export async function fetchVeraPdf(say: (text: string) => void = () => undefined): Promise<string> {
  const folder = jarFolder();
  if (existsSync(folder)) return folder;
  say('veraPDF: fetching its jars by Maven, about 19 MB, once');
  const part = `${folder}.${process.pid}.part`;
  mkdirSync(part, { recursive: true });
  const fetched = await run(
    'mvn',
    ['-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${part}`],
    (line) => {
      if (line.startsWith('[INFO] Copying ')) say(line.replace(/^\[INFO\] Copying (\S+).*/, 'veraPDF: $1'));
    },
  );
  if (fetched.code !== 0) {
    rmSync(part, { recursive: true, force: true });
    throw new Error(`Maven could not fetch veraPDF:\n${fetched.output}`);
  }
  // Two test files may fetch at once; whichever renames first wins, and the jars are the same.
  if (existsSync(folder)) rmSync(part, { recursive: true, force: true });
  else renameSync(part, folder);
  return folder;
}

/** What veraPDF says of a file as one flavour; `passed` only if it printed PASS for this very file. */
export async function validatePdf(
  path: string,
  flavour: Flavour,
  say?: (text: string) => void,
): Promise<{ passed: boolean; output: string }> {
  const jars = await fetchVeraPdf(say);
  const { output } = await run('java', [
    '-cp',
    join(jars, '*'),
    'org.verapdf.apps.GreenfieldCliWrapper',
    '-f',
    flavour,
    '--format',
    'text',
    '-v',
    path,
  ]);
  return { passed: output.split('\n').includes(`PASS ${path} ${flavour}`), output };
}

function jarFolder(): string {
  return join(CACHE, createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 16));
}

/** Whether a program can be started at all. */
export function runs(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

function run(
  command: string,
  args: readonly string[],
  onLine: (line: string) => void = () => undefined,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: string): void => {
      output += chunk;
      for (const line of chunk.split('\n')) onLine(line);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
