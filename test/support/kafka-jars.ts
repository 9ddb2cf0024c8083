import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runMaven } from './run-maven.ts';
import { runs } from './verapdf.ts';

/** Apache Kafka, fetched once by Maven from deploy/kafka/pom.xml. */

const ROOT = join(import.meta.dirname, '../..');
const POM = join(ROOT, 'deploy/kafka/pom.xml');
const CACHE = join(ROOT, 'node_modules/.cache/kafka');

/** Why a broker cannot run here; undefined if it can. Maven is needed only until the jars are fetched. */
export function missingForKafka(): string | undefined {
  if (!runs('java', ['-version'])) return 'java is not installed';
  return existsSync(jarFolder()) || runs('mvn', ['-version'])
    ? undefined
    : 'mvn is not installed, and Apache Kafka is not fetched';
}

/** The folder of the jars of this pom, fetched if it is not there. `say` is told what is going on. */
export async function fetchKafka(say: (text: string) => void = () => undefined): Promise<string> {
  const folder = jarFolder();
  if (existsSync(folder)) return folder;
  say('Apache Kafka: fetching its jars by Maven, about 45 MB, once');
  const part = `${folder}.${process.pid}.part`;
  mkdirSync(part, { recursive: true });
  const args = ['-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${part}`];
  const fetched = await runMaven(args, (line) => {
    if (line.startsWith('[INFO] Copying ')) say(line.replace(/^\[INFO\] Copying (\S+).*/, 'Apache Kafka: $1'));
  });
  if (fetched.code !== 0) {
    rmSync(part, { recursive: true, force: true });
    throw new Error(`Maven could not fetch Apache Kafka:\n${fetched.output}`);
  }
  // Two test files may fetch at once; whichever renames first wins, and the jars are the same.
  if (existsSync(folder)) rmSync(part, { recursive: true, force: true });
  else renameSync(part, folder);
  return folder;
}

function jarFolder(): string {
  return join(CACHE, createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 16));
}
