import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv';
import { toOcsf } from '../../query/ocsf/to-ocsf.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { SHARED } from './adapter-input.ts';

/** The published schemas of OCSF 1.8.0, read where they lie beside the project; they are not copied into it. */
export const OCSF_SCHEMAS = join(SHARED, 'reference/schemas/ocsf-1.8.0');
export const hasOcsfSchemas = existsSync(OCSF_SCHEMAS);

const held = new Map<string, ValidateFunction>();

/** What the schema of its class and profiles finds wrong with an event; empty where nothing is. */
export function ocsfFaults(event: Readonly<Record<string, unknown>>): readonly string[] {
  const metadata = event['metadata'] as { profiles: readonly string[] };
  const profiles = metadata.profiles.join('+');
  const id = `${String(event['class_uid'])} ${profiles}`;
  const validate = held.get(id) ?? compile(String(event['class_uid']), profiles);
  held.set(id, validate);
  // What is written is JSON: an attribute that is undefined must not pass for one that is absent.
  if (validate(JSON.parse(JSON.stringify(event)))) return [];
  return (validate.errors ?? []).map((error) => `${id} ${error.instancePath} ${error.message?.slice(0, 80)}`);
}

/** What the schemas find wrong with events: each fault once, with how often; and how many events of which classes there are. */
export interface OcsfVerdict {
  readonly faults: ReadonlyMap<string, number>;
  readonly classes: ReadonlyMap<number, number>;
}

/** Exports each event as OCSF and holds it against the schema of its class. `onEvent` hears how many are done. */
export function judgeOcsf(
  events: Iterable<StoredEvent>,
  onEvent: (done: number) => void = () => undefined,
): OcsfVerdict {
  const faults = new Map<string, number>();
  const classes = new Map<number, number>();
  let done = 0;
  for (const event of events) {
    const ocsf = toOcsf(event, 'acme');
    const classUid = Number(ocsf['class_uid']);
    classes.set(classUid, (classes.get(classUid) ?? 0) + 1);
    for (const fault of ocsfFaults(ocsf)) {
      const told = `${event.source} ${event.type}: ${fault}`;
      faults.set(told, (faults.get(told) ?? 0) + 1);
    }
    onEvent((done += 1));
  }
  return { faults, classes };
}

function compile(classUid: string, profiles: string): ValidateFunction {
  const file = readdirSync(OCSF_SCHEMAS).find(
    (name) => name.startsWith(`${classUid}-`) && name.endsWith(`.${profiles}.json`),
  );
  if (file === undefined) throw new Error(`OCSF has no schema ${classUid} with the profiles ${profiles}`);
  // Without inlining: the objects of OCSF nest in one another, and the code made of them would be megabytes.
  const ajv = new Ajv2020({ strict: false, inlineRefs: false, logger: false });
  return ajv.compile(JSON.parse(readFileSync(join(OCSF_SCHEMAS, file), 'utf8')) as object);
}
