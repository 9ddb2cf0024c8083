import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { JAVA_ENV, runKeycloak } from './keycloak-process.ts';
import { runMaven } from './run-maven.ts';
import { runs } from './verapdf.ts';

/** Keycloak's distribution, fetched once by Maven from deploy/keycloak/pom.xml, built once, with its empty database. */

const ROOT = join(import.meta.dirname, '../..');
const POM = join(ROOT, 'deploy/keycloak/pom.xml');
const CACHE = join(ROOT, 'node_modules/.cache/keycloak');

/** Why Keycloak cannot run here; undefined if it can. Maven is needed only until it is fetched. */
export function missingForKeycloak(): string | undefined {
  if (!runs('java', ['-version'])) return 'java is not installed';
  return existsSync(distFolder()) || runs('mvn', ['-version'])
    ? undefined
    : 'mvn is not installed, and Keycloak is not fetched';
}

/** The folder of a Keycloak that is ready to start, made if it is not there. `say` is told what is going on. */
export async function fetchKeycloak(say: (text: string) => void = () => undefined): Promise<string> {
  const folder = distFolder();
  if (existsSync(folder)) return folder;
  const part = `${folder}.${process.pid}.part`;
  mkdirSync(part, { recursive: true });
  try {
    say('Keycloak: fetching it by Maven, about 180 MB, once');
    const args = [
      '-B',
      '-f',
      POM,
      'dependency:unpack-dependencies',
      `-DoutputDirectory=${part}`,
      `-DmarkersDirectory=${join(part, 'markers')}`,
    ];
    const fetched = await runMaven(args, (line) => {
      if (line.startsWith('[INFO] Unpacking ')) say('Keycloak: unpacking');
    });
    const [home] = readdirSync(part).filter((name) => name.startsWith('keycloak-'));
    if (fetched.code !== 0 || home === undefined) throw new Error(`Maven could not fetch Keycloak:\n${fetched.output}`);
    say('Keycloak: building it and making its database, some minutes, once');
    const built = spawnSync('bash', ['bin/kc.sh', 'build', '--db=dev-file'], {
      cwd: join(part, home),
      env: { ...process.env, ...JAVA_ENV },
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(`Keycloak could not be built:\n${built.stdout}${built.stderr}`);
    const first = await runKeycloak(join(part, home));
    await first.stop();
    rmSync(join(part, home, 'console.log'));
    // Two may fetch at once; whichever renames first wins, and the files are the same.
    if (!existsSync(folder)) renameSync(join(part, home), folder);
    return folder;
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

function distFolder(): string {
  return join(CACHE, createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 16));
}
