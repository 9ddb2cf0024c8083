import { Problem } from '../../model/problem.ts';

const TLS_TRUST = /self[- ]signed certificate|unable to (?:verify|get)|certificate has expired|altnames|unknown ca/i;
const TLS_CLIENT = /certificate required|bad certificate|handshake failure|certificate unknown/i;
const TLS_NONE = /wrong version number|packet length too long|EPROTO|before secure TLS connection/i;

/**
 * Why Kafka could not be spoken with, as a Problem `unavailable` that says what to look at. Wrong credentials are no
 * reason to end: they may be put right on either side while we try again. Nothing of a credential stands in the words.
 */
export function kafkaRefusal(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem('unavailable', wordsOf(causesOf(error)), {}, error);
}

function wordsOf(causes: readonly Error[]): string {
  const said = causes.map(({ message }) => message).join('\n');
  if (causes.some(({ name }) => name === 'KafkaJSSASLAuthenticationError'))
    return 'Kafka refuses the user or the password: look at _SASL, _USERNAME and _PASSWORD_FILE of its settings.';
  if (TLS_TRUST.test(said))
    return 'The certificate of the broker is not trusted: _TLS_CA_FILE names the authority, and the name must be the one in _BROKERS.';
  if (TLS_CLIENT.test(said))
    return 'Kafka refuses the certificate of this client: look at _TLS_CERT_FILE and _TLS_KEY_FILE of its settings.';
  if (TLS_NONE.test(said))
    return 'The connection ended before TLS was agreed on. Does the port speak TLS? Look at _TLS and _BROKERS of its settings.';
  return 'Kafka did not answer';
}

function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  for (let at = error; at instanceof Error && causes.length < 8; at = Reflect.get(at, 'cause')) causes.push(at);
  return causes;
}
