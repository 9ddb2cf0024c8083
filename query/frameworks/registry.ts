import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FrameworkId, Mapping } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { parseFramework } from './framework.ts';
import type { Framework } from './framework.ts';

/**
 * The frameworks of a folder, one a file (`*.yaml`), SOC 2 and ISO 27001 first, then by id. Throws a Problem of code
 * `configuration` where a file cannot be read or two have one id.
 */
export function loadFrameworks(folder: string): readonly Framework[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  const found = names.map((name) => parseFramework(readFileSync(join(folder, name), 'utf8'), name));
  const order = (id: FrameworkId): string => `${FIRST.includes(id) ? FIRST.indexOf(id) : FIRST.length} ${id}`;
  const sorted = found.toSorted((a, b) => (order(a.id) < order(b.id) ? -1 : 1));
  const twice = sorted.find((entry, index) => entry.id === sorted[index + 1]?.id);
  if (twice) throw new Problem('configuration', `Two frameworks have the id ${twice.id}.`);
  return sorted;
}

const FIRST: readonly FrameworkId[] = ['soc2', 'iso27001'];

/** Every framework that is held here. A new one is a file. */
export const HELD_FRAMEWORKS: readonly Framework[] = loadFrameworks(ownFolder());

/** Their ids, as commands and requests name them. */
export const FRAMEWORK_IDS: readonly FrameworkId[] = HELD_FRAMEWORKS.map(({ id }) => id);

/** A framework by its id. Throws `not_found` for one that is not held. */
export function frameworkOf(id: FrameworkId): Framework {
  const found = HELD_FRAMEWORKS.find((entry) => entry.id === id);
  if (!found) throw new Problem('not_found', `there is no framework "${id}"; held are ${FRAMEWORK_IDS.join(', ')}`);
  return found;
}

/** What a test bears on, in every framework that is held. */
export function mappingsOf(test: string, frameworks: readonly Framework[] = HELD_FRAMEWORKS): readonly Mapping[] {
  return frameworks.flatMap(({ mappings }) =>
    mappings
      .filter((entry) => entry.test === test)
      .map(({ framework, requirement, role }) => ({ framework, requirement, role })),
  );
}

/** Beside this file; a build that copies no data finds it in the sources that `dist/` stands in. */
function ownFolder(): string {
  const places = ['.', '../../../query/frameworks'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const found = places.find((place) => existsSync(join(place, 'soc2.yaml')));
  if (found === undefined)
    throw new Problem('configuration', 'The frameworks are missing: the build must copy query/frameworks/*.yaml.');
  return found;
}
