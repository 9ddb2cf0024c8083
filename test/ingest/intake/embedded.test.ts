import { afterEach, expect, test } from 'vitest';
import { importFile } from '../../../ingest/intake/import.ts';
import { IMPORT_CHUNK } from '../../../ingest/intake/limits.ts';
import { openEmbeddedLog } from '../../../ingest/log/embedded-log.ts';
import type { EmbeddedLog } from '../../../ingest/log/local-index.ts';
import { createTestIntake, SECRETS } from '../../support/intake.ts';
import { tokenEvent, trailRecord } from '../../support/intake-samples.ts';
import { tempFolder } from '../../support/temp-folder.ts';

// The intake over the real log: what it acknowledges is there after the process is gone.
const removals: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const remove of removals.splice(0)) await remove();
});

async function folder(): Promise<string> {
  const { path, remove } = await tempFolder();
  removals.push(remove);
  return path;
}

const nothing = { accepted: 0, duplicate: 0, conflict: 0, rejected: {} };
const end = (log: EmbeddedLog, topic: 'ce' | 'aws.cloudtrail'): Promise<number> =>
  log.endOffset({ topic, partition: 0 });

test('an issuer is told of a conflict also after a restart, and everything is kept', async () => {
  const path = await folder();
  const issuer = { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${SECRETS.issuer}` };
  const send = async (bodies: readonly object[]): Promise<number[]> => {
    const log = openEmbeddedLog({ folder: path });
    const intake = await createTestIntake({ log, index: log.index, settle: async () => nothing });
    const statuses: number[] = [];
    for (const body of bodies)
      statuses.push((await intake.send('/v1/ingest/cloudevents', issuer, JSON.stringify(body))).statusCode);
    await intake.app.close();
    await log.close();
    return statuses;
  };
  const other = { ...tokenEvent, data: { ...tokenEvent.data, client_id: 'another' } };
  expect(await send([tokenEvent, tokenEvent, other])).toEqual([202, 202, 409]);
  expect(await send([tokenEvent, other])).toEqual([202, 409]);
  const log = openEmbeddedLog({ folder: path });
  expect(await end(log, 'ce')).toBe(5);
  await log.close();
});

test('an import that stops anywhere is continued: nothing is missing, nothing is there twice', async () => {
  const path = await folder();
  const records = IMPORT_CHUNK.records * 3 + 7;
  const file = Buffer.from(
    Array.from({ length: records }, (_, index) => JSON.stringify({ ...trailRecord, eventID: `id-${index}` })).join(
      '\n',
    ),
  );
  async function* bytes(): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < file.length; at += 65_536) yield file.subarray(at, at + 65_536);
  }
  const run = async (stopAfter: number): Promise<object | undefined> => {
    const log = openEmbeddedLog({ folder: path });
    const { deps } = await createTestIntake({
      log,
      index: log.index,
      settle: async (ranges) => ({
        ...nothing,
        accepted: ranges.reduce((sum, range) => sum + range.lastOffset - range.firstOffset + 1, 0),
      }),
    });
    let steps = 0;
    let last: object | undefined;
    for await (const step of importFile(deps, {
      source: 'aws.cloudtrail',
      instance: undefined,
      bytes: bytes(),
      receivedAt: 0,
    })) {
      last = step;
      steps += 1;
      if (steps === stopAfter) break;
    }
    await log.close();
    return last;
  };
  await run(1);
  await run(2);
  expect(await run(99)).toEqual({
    result: { accepted: IMPORT_CHUNK.records + 7, duplicate: IMPORT_CHUNK.records * 2, conflict: 0, rejected: {} },
  });
  expect(await run(99)).toEqual({ result: { ...nothing, duplicate: records } });
  const log = openEmbeddedLog({ folder: path });
  expect(await end(log, 'aws.cloudtrail')).toBe(records);
  await log.close();
});
