import { expect, test } from 'vitest';
import type { Micros } from '../../model/time.ts';
import { rememberUntilChange } from '../../query/remember.ts';
import type { Query, Reader } from '../../store/query.ts';

let version = '1';
const reader: Reader = {
  read: <Row>(query: Query<Row>) => Promise.resolve([query.row.parse({ version })]),
};

/** What is asked of the store, and the question that remembers. */
function remembered(): { asked: (Micros | undefined)[]; ask: (asOf?: Micros) => Promise<string> } {
  const asked: (Micros | undefined)[] = [];
  const ask = rememberUntilChange(reader, (asOf) => {
    asked.push(asOf);
    return Promise.resolve(`${asOf} in ${version}`);
  });
  return { asked, ask };
}

test('an answer is given again for its moment, until something is stored', async () => {
  const { asked, ask } = remembered();
  expect([await ask(5), await ask(), await ask(5), await ask()]).toEqual(['5 in 1', 'undefined in 1', '5 in 1', 'undefined in 1']); // prettier-ignore
  expect(asked).toEqual([5, undefined]);
  version = '2';
  expect([await ask(5), await ask()]).toEqual(['5 in 2', 'undefined in 2']);
  expect(asked).toEqual([5, undefined, 5, undefined]);
});

test('four moments are kept, and of those the one that was not asked for longest goes first', async () => {
  const { asked, ask } = remembered();
  for (const asOf of [1, 2, 3, 4, 1, 5, 1, 2]) await ask(asOf);
  expect(asked).toEqual([1, 2, 3, 4, 5, 2]);
});

test('many at once ask once; what failed is asked again', async () => {
  let calls = 0;
  const ask = rememberUntilChange(reader, () => {
    calls += 1;
    return calls === 1 ? Promise.reject(new Error('away')) : Promise.resolve('there');
  });
  const failed = await Promise.allSettled([ask(7), ask(7)]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await Promise.all([ask(7), ask(7)])).toEqual(['there', 'there']);
  expect(calls).toBe(2);
});
