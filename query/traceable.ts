import { parseEventName, parseKey } from '../model/key.ts';
import { Problem } from '../model/problem.ts';

const MAX_KEY_CHARS = 2_048;

/** Refuses what no chain can begin with, saying what can be asked instead: a Problem `invalid_request`. Pure. */
export function checkTraceable(key: string): void {
  if (key === '' || key.length > MAX_KEY_CHARS) {
    throw new Problem('invalid_request', `A key has 1 to ${MAX_KEY_CHARS} characters.`);
  }
  if (key.startsWith('event:')) {
    if (parseEventName(key) !== undefined) return;
    throw new Problem(
      'invalid_request',
      'An event is named event:<family>/<id>, such as event:aws.cloudtrail/5664e1c3-....',
    );
  }
  const parsed = parseKey(key);
  if (parsed === undefined) {
    throw new Problem(
      'invalid_request',
      'This is no key that Custody knows. A key is <type>:<scope>/<id>, such as gitlab:job:gitlab.example/4711.',
    );
  }
  if (parsed.class === 'hub') {
    throw new Problem(
      'invalid_request',
      `${parsed.type} stands for many flows, not for one. Ask for its events (/v1/events?where=key=...) or for what is known of it (/v1/entities/...).`,
    );
  }
}
