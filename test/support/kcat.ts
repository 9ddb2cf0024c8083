import { execFile, execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why kcat cannot be used; undefined where it can. Under CI its absence is no reason to skip, and the test fails. */
export function missingForKcat(): string | undefined {
  const isCi = process.env['CI'] !== undefined && process.env['CI'] !== '' && process.env['CI'] !== 'false';
  if (isCi) return undefined;
  try {
    execFileSync('kcat', ['-V'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'kcat is not installed: apt-get install kcat';
  }
}

/** Produces one message as an operator would: `kcat -P -b BROKERS -t TOPIC -k KEY -H NAME=VALUE... FILE`. */
export async function produceWithKcat(
  brokers: readonly string[],
  topic: string,
  file: string,
  message: { readonly key: string; readonly headers: Readonly<Record<string, string>>; readonly value: string },
): Promise<void> {
  await writeFile(file, message.value);
  const headers = Object.entries(message.headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]);
  await run('kcat', ['-P', '-b', brokers.join(','), '-t', topic, '-k', message.key, ...headers, file], { timeout: 60_000 }); // prettier-ignore
}
