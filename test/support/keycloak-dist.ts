import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runMaven } from './run-maven.ts';
import { runs } from './verapdf.ts';

/** Keycloak's distribution, fetched once by Maven from deploy/keycloak/pom.xml and built once for a database in memory. */

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
    const args = ['-B', '-f', POM, 'dependency:unpack-dependencies', `-DoutputDirectory=${part}`];
    const fetched = await runMaven(args, (line) => {
      if (line.startsWith('[INFO] Unpacking ')) say('Keycloak: unpacking');
    });
    const [home] = readdirSync(part).filter((name) => name.startsWith('keycloak-'));
    if (fetched.code !== 0 || home === undefined) throw new Error(`Maven could not fetch Keycloak:\n${fetched.output}`);
    say('Keycloak: building it for a database in memory, a minute or two, once');
    const built = spawnSync('bash', ['bin/kc.sh', 'build', '--db=dev-mem'], {
      cwd: join(part, home),
      env: { ...process.env, ...JAVA_ENV },
      encoding: 'utf8',
    });
    if (built.status !== 0) throw new Error(`Keycloak could not be built:\n${built.stdout}${built.stderr}`);
    // Two may fetch at once; whichever renames first wins, and the files are the same.
    if (!existsSync(folder)) renameSync(join(part, home), folder);
    return folder;
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/** Little memory, and no time spent on making fast what runs for minutes. */
export const JAVA_ENV = {
  JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1',
  JAVA_OPTS_KC_HEAP: '-Xms128m -Xmx512m',
} as const;

function distFolder(): string {
  return join(CACHE, createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 16));
}
