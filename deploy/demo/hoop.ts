import { HOSTS } from './organisation.ts';
import type { Person } from './organisation.ts';
import { isoSeconds } from './emit.ts';
import type { Emit } from './emit.ts';
import { login } from './okta.ts';
import type { Random } from './random.ts';

/** A reviewed database session through the gateway (sources.md 1.12): approval, open, close. */
export function emitDatabaseSession(
  emit: Emit,
  random: Random,
  session: { person: Person; reviewer: Person; connection: string; at: number },
): void {
  const id = random.uuid();
  const review = `rev_${random.word(12, '0123456789ABCDEFGHJKMNPQRSTVWXYZ')}`;
  const send = (at: number, body: Record<string, unknown>): void =>
    emit({ at, source: 'hoop', instance: HOSTS.hoop, body });
  login(emit, random, session.person, session.at - 600_000);
  login(emit, random, session.reviewer, session.at - 300_000);
  send(session.at - 60_000, {
    event_type: 'access.jit_approved',
    payload: {
      session_id: id,
      user: session.person.email,
      connection: session.connection,
      reviewer: session.reviewer.email,
      review_id: review,
      occurred_at: isoSeconds(session.at - 60_000),
    },
  });
  send(session.at, {
    event_type: 'session.open',
    id,
    user_id: `okta|${session.person.oktaId}`,
    user_email: session.person.email,
    connection: session.connection,
    connection_type: 'database',
    connection_envs: ['HOST', 'USER', 'PASS'],
    input: Buffer.from('select count(*) from bookings;').toString('base64'),
    is_input_truncated: false,
    input_size: 30,
    input_envs: [],
    has_input_args: false,
    command: ['psql'],
    verb: 'exec',
    review: { owner_email: session.person.email, status: 'APPROVED', type: 'jit' },
  });
  send(session.at + 180_000, { event_type: 'session.close', id, exit_code: 0, exit_err: '' });
}
