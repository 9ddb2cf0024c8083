import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../cli/commands.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Packages that a file loads before anything runs: its static imports of values, and theirs. */
function packagesOf(file: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(join(ROOT, file), 'utf8');
  const targets = [...text.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?\bfrom\s+'([^']+)'/gm)].map(
    (found) => found[1] ?? '',
  );
  return targets.flatMap((target) => {
    if (target.startsWith('.')) return packagesOf(normalize(join(dirname(file), target)), seen);
    return target.startsWith('node:') ? [] : [`${file}: ${target}`];
  });
}

// Node takes most of a second of CPU to load what a whole command needs; a usage page needs none of it.
test('the overview, every page of --help and every refusal of wrong usage load no package', () => {
  expect(packagesOf('cli/main.ts')).toEqual([]);
  for (const { name } of COMMANDS) expect(packagesOf(`cli/commands/${name}.ts`)).toEqual([]);
  // The walk does see packages where there are some.
  expect(packagesOf('cli/local-options.ts')).not.toEqual([]);
});

test('the list of commands loads the command of that name', async () => {
  for (const entry of COMMANDS) expect((await entry.load()).name).toBe(entry.name);
  expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(COMMANDS.length);
});
