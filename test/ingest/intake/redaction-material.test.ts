import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import { limitsOf } from '../../../ingest/intake/scan-types.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import type { Source } from '../../../model/source.ts';

// Whether anything that is a secret is left, and how much else is taken away, in material that nobody here wrote.
const SHARED = fileURLToPath(new URL('../../../../shared', import.meta.url));
const SOURCE_OF: Readonly<Record<string, Source>> = {
  okta: 'okta.log',
  kubernetes: 'kubernetes.audit',
  cloudtrail: 'aws.cloudtrail',
  hoop: 'hoop.event',
  vault: 'vault.audit',
  'gitlab-audit': 'gitlab.audit-stream',
  'gitlab-webhook': 'gitlab.webhook',
  issuer: 'issuer.cloudevents',
};
// Rules of the scanner; those of adapters have names of their own.
const SCANNER =
  /^(?:jwt|\w+_token|webhook_url|private_key|bearer|basic_auth|aws_secret_key|assigned|flag|parameter|signature|url_password|field|random)$/;

interface Delivery {
  readonly source: string;
  readonly body: string;
}
interface Truth {
  readonly secrets_must_not_appear: readonly { readonly value: string; readonly where: string }[];
}

function read(path: string): Buffer {
  const bytes = readFileSync(path);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

/** Scans as the door does, with the rules of the adapter or without any. */
function scan(name: string, bytes: Buffer, format: 'detect' | 'lines', withRules: boolean) {
  const source = SOURCE_OF[name];
  const adapter = source === undefined ? undefined : adapterFor(source);
  return scanDelivery(bytes, {
    containers: adapter?.containers ?? [],
    redact: withRules ? (adapter?.redact ?? []) : [],
    limits: limitsOf(source ?? 'kubernetes.audit'),
    secrets: name === 'issuer' ? 'refuse' : 'redact',
    format,
  });
}

const scenarios = existsSync(join(SHARED, 'scenarios'))
  ? readdirSync(join(SHARED, 'scenarios')).filter((name) => existsSync(join(SHARED, 'scenarios', name, 'truth.json')))
  : [];

describe.skipIf(scenarios.length === 0)('scenarios (skipped where the shared material is absent)', () => {
  describe.each(scenarios)('%s', (name) => {
    const folder = join(SHARED, 'scenarios', name);
    const { secrets_must_not_appear: secrets } = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Truth;
    const deliveries = linesOf(read(join(folder, 'deliveries.ndjson.gz'))).map((line) => JSON.parse(line) as Delivery);

    test.each([true, false])(
      'no secret is left (rules of the adapters: %s), and next to nothing else is taken',
      (withRules) => {
        const left = new Set<string>();
        const wrong: string[] = [];
        let events = 0;
        for (const { source, body } of deliveries) {
          const result = scan(source, Buffer.from(body), 'detect', withRules);
          if (!result.ok) continue;
          for (const { value, redactions } of result.elements) {
            events += 1;
            const text = value.toString();
            for (const secret of secrets) if (text.includes(secret.value)) left.add(`${source}: ${secret.where}`);
            // Every planted secret stands in a delivery that holds one; session tokens of AWS stand in many.
            const isPlanted =
              secrets.some((secret) => body.includes(secret.value)) || /"sessionToken":"|"variables":\[\{/.test(body);
            if (!isPlanted)
              wrong.push(
                ...redactions
                  .filter(([, rule]) => SCANNER.test(rule))
                  .map(([path, rule]) => `${source} ${path} ${rule}`),
              );
          }
        }
        expect([...left]).toEqual([]);
        expect(events).toBeGreaterThan(1_000);
        expect(wrong.length / events, wrong.slice(0, 20).join('\n')).toBeLessThanOrEqual(0.001);
      },
    );
  });
});

const corpus = join(SHARED, 'corpus');

describe.skipIf(!existsSync(corpus))('corpus (skipped where the shared material is absent)', () => {
  const files = existsSync(corpus)
    ? readdirSync(corpus, { recursive: true })
        .map(String)
        .filter((file) => /\.ndjson(?:\.gz)?$/.test(file) && !/expected|truth/.test(file))
    : [];
  // What the publishers planted, or recorded unmasked: reviewed by hand, told by kind of place.
  const RIGHT = [
    /^kubernetes .*(?:\.password|requestURI|last-applied-configuration"\]|access\.properties"\]) /,
    /^cloudtrail .*credentials\.sessionToken /,
    /^vault (?:request\.path|auth\.client_token|request\.client_token) /,
    /^hoop /,
  ];

  test('the scanner alone takes no more than one thing in a thousand events that is no secret', () => {
    const wrong: string[] = [];
    let events = 0;
    for (const file of files) {
      const [name = ''] = file.split('/');
      const result = scan(name, read(join(corpus, file)), 'lines', false);
      expect(result.ok, file).toBe(true);
      for (const { redactions, unreadable } of result.ok ? result.elements : []) {
        expect(unreadable, file).toBeUndefined();
        events += 1;
        for (const [path, rule] of redactions) {
          const told = `${name} ${path} ${rule}`;
          if (!RIGHT.some((pattern) => pattern.test(told))) wrong.push(told);
        }
      }
    }
    expect(events).toBeGreaterThan(5_000);
    expect(wrong.length / events, wrong.slice(0, 20).join('\n')).toBeLessThanOrEqual(0.001);
  });

  test('with the rules of the adapters nothing is left of what was planted on real servers', () => {
    const left: string[] = [];
    for (const file of files) {
      const [name = ''] = file.split('/');
      if (SOURCE_OF[name] === undefined) continue;
      const result = scan(name, read(join(corpus, file)), 'lines', true);
      for (const { value } of result.ok ? result.elements : []) {
        const found = /PLANTED-SECRET[\w-]*|s3cret-pw|hunter2[\w-]*/.exec(value.toString());
        if (found !== null) left.push(`${file}: ${found[0]}`);
      }
    }
    expect(left).toEqual([]);
  });
});
