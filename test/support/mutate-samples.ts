import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { ACTIONS, OUTCOMES } from '../../model/action.ts';
import { parseKey } from '../../model/key.ts';
import { contentHashOf } from '../../model/event-id.ts';
import { REASONS } from '../../model/reason.ts';
import type { Source } from '../../model/source.ts';
import { ROOT, inputOf } from './adapter-input.ts';
import { seeded } from './random.ts';

// What a hostile sender may put anywhere.
export const HOSTILE_VALUES: readonly unknown[] = [
  null,
  '',
  '-',
  'unknown',
  'null',
  'x'.repeat(5_000),
  '\u0000',
  '[REDACTED:x]',
  'yesterday',
  '2026-02-30T00:00:00Z',
  0,
  -1,
  1.5,
  1e300,
  Number.MAX_SAFE_INTEGER,
  true,
  false,
  [],
  {},
  [[]],
  [null],
  [{}],
  { id: {} },
  { toString: 1 },
  JSON.parse('{"__proto__": {"a": 1}}'),
  'constructor',
  [1, 'a', { b: null }],
  JSON.parse('['.repeat(32) + ']'.repeat(32)),
];

/** How mutated samples ended: with events, or refused with a reason. Together they are all. */
export interface MutationCounts {
  accepted: number;
  refused: number;
  /** Refused, by reason. */
  readonly reasons: Record<string, number>;
}

/**
 * Changes the samples of a source at random places, one to three at a time: values of another type, texts with something
 * in them, members that are gone or stand under another's name. Gives each to its adapter. Throws with the round where the
 * adapter throws, gives neither an event nor a reason of the closed list, or an event that is not well-formed: then a
 * record would be lost. The same seed gives the same rounds on every machine.
 */
export function surviveMutations(source: Source, rounds: number, seed: number): MutationCounts {
  const adapter = adapterFor(source);
  const samples = samplesOf(source);
  if (!adapter || samples.length < 4) throw new Error(`${source} has too few samples`);
  const random = seeded(seed);
  const counts: MutationCounts = { accepted: 0, refused: 0, reasons: {} };
  for (let round = 0; round < rounds; round += 1) {
    const json = structuredClone(samples[Math.floor(random() * samples.length)]);
    for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes -= 1) mutate(json, random);
    try {
      const parsed = adapter.parse(inputOf(json, { instance: 'gitlab.org.example' }));
      if (!parsed.ok) {
        if (!Object.hasOwn(REASONS, parsed.reason)) throw new Error(`unknown reason ${parsed.reason}`);
        counts.refused += 1;
        counts.reasons[parsed.reason] = (counts.reasons[parsed.reason] ?? 0) + 1;
        continue;
      }
      if (parsed.events.length === 0) throw new Error('accepted without an event');
      for (const event of parsed.events) {
        const isWhole =
          event.type !== '' &&
          event.nativeId !== '' &&
          event.dedupeKey !== '' &&
          Object.hasOwn(ACTIONS, event.action) &&
          OUTCOMES.includes(event.outcome) &&
          Number.isSafeInteger(event.occurred.at) &&
          /^[0-9a-f]{32}$/.test(contentHashOf(event)) &&
          event.keys.every((key) => !key.key.includes('[object') && parseKey(key.key)?.type === key.type) &&
          event.edges.every(({ parent, child }) => parent.key !== '' && child.key !== '');
        if (!isWhole) throw new Error(`not well-formed: ${JSON.stringify(event).slice(0, 500)}`);
      }
      counts.accepted += 1;
    } catch (error) {
      throw new Error(`${source}, seed ${seed}, round ${round}: ${JSON.stringify(json).slice(0, 2_000)}`, {
        cause: error,
      });
    }
  }
  return counts;
}

function samplesOf(source: Source): unknown[] {
  const folder = join(ROOT, 'test/samples', source.replace('.', '-'));
  return readdirSync(folder).map(
    (file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { record: unknown }).record,
  );
}

// What breaks a line, a pattern or an encoding where it stands in the middle of a text.
const HOSTILE_TEXTS: readonly string[] = [
  '"', '\\', '\\"', "'", '\r\n', '\t', '\u0000', '\u001b[2J', '\u0085', '\u2028', '\ud800', '\u{1f600}', '\u202e', ',', ', ', '=',
  '="', ':', '/', '//', '?', '#', '%', '%00', '%zz', '@', '[', ']', '{', '}', '<', '..', '-', ' '.repeat(300), 'JTI=', '://', '9'.repeat(40),
]; // prettier-ignore

function mutate(json: unknown, random: () => number): void {
  const places: { readonly holder: Record<string, unknown>; readonly name: string }[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const name of Object.keys(value)) {
      const holder = value as Record<string, unknown>;
      places.push({ holder, name });
      visit(holder[name]);
    }
  };
  visit(json);
  const place = places[Math.floor(random() * places.length)];
  if (!place) return;
  const { holder, name } = place;
  const value = holder[name];
  const way = random();
  if (way < 0.15) delete holder[name];
  else if (way < 0.5 && typeof value === 'string' && value !== '') holder[name] = spoil(value, random);
  else if (way < 0.55) {
    // A member under another's name: what belongs elsewhere is read here.
    const other = places[Math.floor(random() * places.length)];
    put(holder, other?.name ?? name, structuredClone(other?.holder[other.name]));
  } else holder[name] = structuredClone(HOSTILE_VALUES[Math.floor(random() * HOSTILE_VALUES.length)]);
}

// As JSON.parse would: `__proto__` is a member like another, and no prototype.
function put(holder: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}

// A text that is nearly the one that was there: cut off, with something in it, doubled, or with two parts changed over.
function spoil(text: string, random: () => number): string {
  const at = Math.floor(random() * (text.length + 1));
  const [head, tail] = [text.slice(0, at), text.slice(at)];
  const way = Math.floor(random() * 4);
  if (way === 0) return head;
  if (way === 1) return head + (HOSTILE_TEXTS[Math.floor(random() * HOSTILE_TEXTS.length)] ?? '') + tail;
  return way === 2 ? head + text : tail + head;
}
