import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import type { PolicyPoll } from '../../model/policy-poll.ts';
import type { Secrets } from '../intake/secrets.ts';
import { signAws } from './aws-sign.ts';
import type { PollHttp, Prove } from './poll-http.ts';

type Auth = PolicyPoll['auth'];
type OAuth = Extract<Auth, { kind: 'oauth' }>;

/**
 * How a poll proves itself. The secret is taken from the secrets file at each use and put into a header, never into an
 * address, a message or a log. `anonymous` speaks to the token endpoint of OAuth.
 */
export function createProve(auth: Auth, secrets: Secrets, anonymous: () => PollHttp, now: () => number): Prove {
  if (auth.kind === 'oauth') return proveByToken(auth, secrets, anonymous, now);
  if (auth.kind === 'aws') return (request) => signAws(request, auth.region, secrets.get(auth.secret));
  if (auth.kind === 'header') return async () => ({ [auth.name.toLowerCase()]: secrets.get(auth.secret) });
  const scheme = auth.kind === 'ssws' ? 'SSWS' : 'Bearer';
  return async () => ({ authorization: `${scheme} ${secrets.get(auth.secret)}` });
}

const answerSchema = z.object({
  access_token: z.string().min(1).max(16_384),
  expires_in: z.number().positive().default(300),
});
// A token that is about to expire is not sent: it would be refused on the way.
const EARLY_MS = 30_000;

// RFC 6749 4.4: the token is kept until shortly before it expires, and asked for anew where the server refuses it.
function proveByToken(auth: OAuth, secrets: Secrets, anonymous: () => PollHttp, now: () => number): Prove {
  let held: { readonly token: string; readonly until: number } | undefined;
  return async (_request, fresh) => {
    if (!held || fresh || held.until <= now()) {
      const form = new URLSearchParams({ grant_type: 'client_credentials' });
      if (auth.scope !== undefined) form.set('scope', auth.scope);
      form.set('client_id', auth.client_id);
      form.set('client_secret', secrets.get(auth.secret));
      const { body } = await anonymous().send({
        url: new URL(auth.token_url),
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: form.toString(),
      });
      held = readToken(body, now());
    }
    return { authorization: `Bearer ${held.token}` };
  };
}

function readToken(body: Buffer, nowMs: number): { readonly token: string; readonly until: number } {
  try {
    const { access_token: token, expires_in: seconds } = answerSchema.parse(JSON.parse(body.toString('utf8')));
    return { token, until: nowMs + Math.max(1_000, seconds * 1_000 - EARLY_MS) };
  } catch {
    // Neither the answer nor its parts are repeated: it may hold the token.
    throw new Problem('unavailable', 'The token endpoint of the poll answered without an access token.');
  }
}
