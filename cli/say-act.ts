import { Problem } from '../model/problem.ts';
import type { Api } from './api.ts';
import { textOption } from './command.ts';
import type { Arguments } from './command.ts';

/** What people say of exceptions and of gaps goes the same way: verbs over one id, an act that can be sent again. */

/** The id that a verb takes; empty for `list`, which takes none. A Problem of code `usage` names what is wrong. */
export function idOfVerb(
  command: string,
  verbs: readonly string[],
  example: string,
  [verb = '', ...ids]: readonly string[],
): string {
  if (!verbs.includes(verb))
    throw new Problem('usage', `${command} takes ${verbs.join(', ')}; not "${verb}". See: custody ${command} --help`);
  if (verb === 'list' && ids.length > 0) throw new Problem('usage', `${command} list takes no ID`);
  if (verb !== 'list' && ids.length !== 1) throw new Problem('usage', `${command} ${verb} takes one ID, ${example}`);
  return ids[0] ?? '';
}

/** Sends an act under the key of `--key`, if there is one. `how` says in words what became of it. */
export async function sendAct(
  api: Api,
  args: Arguments,
  path: string,
  body: object,
): Promise<{ readonly answer: Awaited<ReturnType<Api['send']>>; readonly how: string }> {
  const key = textOption(args, 'key');
  const answer = await api.send('POST', path, {
    body: JSON.stringify(body),
    type: 'application/json',
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
  });
  const how =
    { 200: 'was written before', 202: 'is durable; it will be listed shortly' }[answer.status] ?? 'is written';
  return { answer, how };
}
