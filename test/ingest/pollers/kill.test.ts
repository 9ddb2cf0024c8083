import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openEmbeddedLog } from '../../../ingest/log/embedded-log.ts';
import type { LogBatch } from '../../../ingest/log/event-log.ts';
import type { Family } from '../../../model/source.ts';
import { POLL_NOW } from '../../support/poll-harness.ts';
import { seeded } from '../../support/random.ts';
import { entraApi, gitlabApi, keycloakApi, oktaApi } from '../../support/scripted-apis.ts';
import { hoopApi, hoopSession } from '../../support/scripted-hoop.ts';
import { gitlabUsersApi } from '../../support/scripted-users.ts';
import { trailApi } from '../../support/scripted-trail.ts';
import { saidBy } from '../../support/said-by.ts';
import { startScriptedServer } from '../../support/scripted-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const CHILD = fileURLToPath(new URL('../../support/poll-until-killed.ts', import.meta.url));
const KILLS = 3;
const HOUR = 3_600_000;
const MISBEHAVIOUR = { throttles: 3, fails: 3, drops: 2, cuts: 3 };

function hoopSessions(count: number): {
  events: Record<string, unknown>[];
  script: ReturnType<typeof hoopApi>['script'];
} {
  const { sessions, script } = hoopApi();
  const events = Array.from({ length: count }, (_, at) => hoopSession(at, POLL_NOW - (count - at) * 20_000));
  for (const event of events) sessions.set(String(event['id']), event);
  return { events, script };
}

/** A trail of a day and a quarter: two files an hour, and the digest over each. */
function trail(): Pick<ReturnType<typeof trailApi>, 'events' | 'script'> {
  const made = trailApi();
  for (let hour = 30; hour > 0; hour -= 1) {
    made.addFile(POLL_NOW - hour * HOUR, 10);
    made.addFile(POLL_NOW - hour * HOUR + HOUR / 2, 10);
    made.addDigest(POLL_NOW - (hour - 1) * HOUR);
  }
  return { events: made.events, script: made.script };
}

describe('a poll that is killed', () => {
  test.each([
    { family: 'okta.log', ...oktaApi(900, POLL_NOW, 11), id: 'uuid' },
    { family: 'gitlab.audit', ...gitlabApi(900, POLL_NOW, 12), id: 'id' },
    { family: 'entra', ...entraApi(600, POLL_NOW, 14), id: 'id' },
    { family: 'keycloak', ...keycloakApi(600, POLL_NOW, 15), id: 'id' },
    { family: 'hoop', ...hoopSessions(600), id: 'id' },
    { family: 'gitlab.users', ...gitlabUsersApi(900, 13), id: 'id' },
    { family: 'aws.cloudtrail', ...trail(), id: 'eventID' },
  ] as const)('$family: kill -9 at random moments loses nothing, and the cursor moves on', async (system) => {
    const { family, events, script, id } = system;
    const folder = await tempFolder();
    const server = await startScriptedServer(script, { seed: 21, misbehaviour: MISBEHAVIOUR });
    const random = seeded(events.length);
    try {
      const bucket = { bucket: 'acme-trail', keys_url: `${server.url}/`, from: '2026-08-01T00:00:00Z' };
      const given = [folder.path, server.url, family, JSON.stringify(family === 'aws.cloudtrail' ? bucket : {})];
      const durable: number[] = [];
      for (let kill = 0; kill < KILLS; kill += 1) {
        const child = fork(CHILD, given, { execArgv: ['--import', 'tsx'] });
        await saidBy(child, 'page');
        await sleep(random() * 150);
        child.kill('SIGKILL');
        await once(child, 'exit');
        durable.push((await idsIn(folder.path, family, id)).length);
      }
      const child = fork(CHILD, given, { execArgv: ['--import', 'tsx'] });
      await saidBy(child, 'whole');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const ids = await idsIn(folder.path, family, id);
      expect([...new Set(ids)].toSorted()).toEqual(events.map((event) => String(event[id])).toSorted());
      // Each start went on from what was durable, and at most one page of each kill came again.
      expect(durable).toEqual(durable.toSorted((a, b) => a - b));
      expect(ids.length - events.length).toBeLessThanOrEqual((KILLS + 1) * 25);
      // What changed is told with the cursor that remembers it: once.
      if (family === 'gitlab.users') expect(ids).toHaveLength(events.length);
    } finally {
      await server.close();
      await folder.remove();
    }
  });
});

async function idsIn(folder: string, topic: Family, id: string): Promise<readonly string[]> {
  const log = openEmbeddedLog({ folder });
  const ids: string[] = [];
  const end = await log.endOffset({ topic, partition: 0 });
  const read = new Promise<void>((resolve, reject) => {
    if (end === 0) resolve();
    const batch = async ({ records, lastOffset }: LogBatch): Promise<void> => {
      for (const { value } of records) {
        // A digest of a trail is a record too, and no event of it.
        const read = (JSON.parse(value.toString('utf8')) as Record<string, unknown>)[id];
        if (typeof read === 'string' || typeof read === 'number') ids.push(String(read));
      }
      if (lastOffset >= end - 1) resolve();
    };
    log.consume({ group: 'test', topics: [topic] }, { assigned: async () => 0, batch }).catch(reject);
  });
  await read;
  await log.close();
  return ids;
}
