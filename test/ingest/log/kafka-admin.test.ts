import type { Admin } from 'kafkajs';
import { expect, test } from 'vitest';
import { createAdmin } from '../../../ingest/log/kafka-log.ts';

/** Clients that only connect and disconnect, by number. */
function clients(): { readonly create: () => Admin; readonly made: number[]; readonly gone: number[] } {
  const [made, gone]: [number[], number[]] = [[], []];
  const create = (): Admin => {
    const number = made.push(made.length);
    const disconnect = (): Promise<void> => Promise.resolve(void gone.push(number));
    return { number, connect: () => Promise.resolve(), disconnect } as unknown as Admin;
  };
  return { create, made, gone };
}
const numberOf = (client: Admin): number => Reflect.get(client, 'number') as number;
const moved = (retriable: boolean): Error => Object.assign(new Error('This server is not the leader'), { retriable });

test('a question that a moved leader refused is asked once more by a new client', async () => {
  const { create, made, gone } = clients();
  const admin = createAdmin(create);
  const answer = await admin.ask((client) =>
    numberOf(client) === 1 ? Promise.reject(moved(true)) : Promise.resolve(numberOf(client)),
  );
  expect([answer, made.length]).toEqual([2, 2]);
  await admin.close();
  expect(gone).toEqual([1, 2]);
});

test('one that is refused twice, or for good, ends as unavailable, and the next gets a new client', async () => {
  const { create, made } = clients();
  const admin = createAdmin(create);
  await expect(admin.ask(() => Promise.reject(moved(true)))).rejects.toMatchObject({ code: 'unavailable' });
  expect(made.length).toBe(2);
  await expect(admin.ask(() => Promise.reject(moved(false)))).rejects.toMatchObject({ code: 'unavailable' });
  expect(made.length).toBe(3);
  expect(await admin.ask((client) => Promise.resolve(numberOf(client)))).toBe(4);
  await admin.close();
});

test('after the end nothing is connected any more, whoever still asks', async () => {
  const { create, made, gone } = clients();
  const admin = createAdmin(create);
  const asking = admin.ask(async (client) => {
    await admin.close();
    throw Object.assign(moved(true), { number: numberOf(client) });
  });
  await expect(asking).rejects.toMatchObject({ code: 'unavailable' });
  await expect(admin.ask((client) => Promise.resolve(client))).rejects.toMatchObject({ code: 'unavailable' });
  expect([made.length, new Set(gone)]).toEqual([1, new Set([1])]);
});
