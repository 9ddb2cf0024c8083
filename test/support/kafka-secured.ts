import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Settings of a broker by Kafka's names. */
export type BrokerLines = Readonly<Record<string, string | number | boolean>>;

/** A listener of a broker that asks who comes, beside the open one. */
export interface SecuredListener {
  readonly protocol: 'SASL_SSL' | 'SSL';
  /** By Kafka's names, without `listener.name.NAME.`. */
  readonly settings: Readonly<Record<string, string>>;
  /** Users with SCRAM credentials, as the storage tool takes them. */
  readonly scram?: readonly string[];
}

/** What is different in a broker with such listeners. `doors` are their addresses. */
export function securedSettings(
  own: BrokerLines,
  listeners: Readonly<Record<string, SecuredListener>>,
  doors: Readonly<Record<string, string>>,
): BrokerLines {
  const all = Object.entries(listeners);
  if (all.length === 0) return {};
  const added = all.map(([name]) => `,${name}://${doors[name]}`).join('');
  const protocols = all.map(([name, { protocol }]) => `,${name}:${protocol}`).join('');
  const settings = all.flatMap(([name, listener]) =>
    Object.entries(listener.settings).map(([setting, value]) => [
      `listener.name.${name.toLowerCase()}.${setting}`,
      value,
    ]),
  );
  return {
    listeners: `${own['listeners']}${added}`,
    'advertised.listeners': `${own['advertised.listeners']}${added}`,
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${protocols}`,
    ...Object.fromEntries(settings),
  };
}

/** A pair of keys with a certificate that vouches for itself, in PEM. */
export interface TestIdentity {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Both, as a broker reads them. */
  readonly store: string;
}

/** Makes one by OpenSSL, in a folder that is there. It is good for 127.0.0.1. */
export function makeIdentity(folder: string, name: string): TestIdentity {
  const [certificateFile, keyFile, store] = ['crt', 'key', 'pem'].map((end) => join(folder, `${name}.${end}`)) as [string, string, string]; // prettier-ignore
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const named = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...made, ...named, '-keyout', keyFile, '-out', certificateFile], {
    stdio: 'pipe',
  });
  writeFileSync(store, readFileSync(keyFile, 'utf8') + readFileSync(certificateFile, 'utf8'), { mode: 0o600 });
  return { certificateFile, keyFile, store };
}

/** A listener's settings for its own identity, and for the one that it lets in by certificate. */
export function tlsSettings(own: TestIdentity, letIn?: TestIdentity): Readonly<Record<string, string>> {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': own.store,
    ...(letIn === undefined
      ? {}
      : {
          'ssl.client.auth': 'required',
          'ssl.truststore.type': 'PEM',
          'ssl.truststore.location': letIn.certificateFile,
        }),
  };
}
