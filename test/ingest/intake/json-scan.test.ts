import { describe, expect, test } from 'vitest';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import { DEFAULT_LIMITS } from '../../../ingest/intake/scan-types.ts';
import type { ScanOptions, ScanResult } from '../../../ingest/intake/scan-types.ts';

const OPTIONS: ScanOptions = { containers: [], redact: [], limits: DEFAULT_LIMITS, secrets: 'redact', format: 'json' };
const scan = (text: string | Buffer, options: Partial<ScanOptions> = {}): ScanResult =>
  scanDelivery(Buffer.isBuffer(text) ? text : Buffer.from(text), { ...OPTIONS, ...options });
const reasonOf = (result: ScanResult): string => (result.ok ? 'ok' : result.reason);
const valuesOf = (result: ScanResult): string[] =>
  result.ok ? result.elements.map(({ value }) => value.toString()) : [`${result.reason} ${result.detail}`];
const valueOf = (text: string, options: Partial<ScanOptions> = {}): string =>
  valuesOf(scan(text, options))[0] ?? '(none)';

describe('what is well-formed', () => {
  test.each([
    '{}',
    ' { } ',
    '{"a":1}',
    '{"a":[]}',
    '{"a":[1,-2,3.5,0,-0,1e3,1E-3,1e+3,0.0e0]}',
    '{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"}',
    '{"a":"é☃𝄞"}',
    '{"":""}',
    '{"a":true,"b":false,"c":null}',
    '\t\r\n{"a"\n:\t1 ,"b":[ 1 , 2 ]}\n',
    '{"a":"\\u0000"}',
    '{"a":"\\ud800"}',
    '{"a":"\u2028\u007f"}',
    '[{"a":[[[{}]]]}]',
  ])('%s', (text) => {
    expect(reasonOf(scan(text))).toBe('ok');
    expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  test.each([
    ['', 'empty_body'],
    ['   \n', 'empty_body'],
    ['42', 'not_an_object'],
    ['null', 'not_an_object'],
    ['"text"', 'not_an_object'],
    ['[1]', 'not_an_object'],
    ['[null]', 'not_an_object'],
    ['[{},"x"]', 'not_an_object'],
    ['{"a":1', 'invalid_json'],
    ['{"a":}', 'invalid_json'],
    ['{"a" 1}', 'invalid_json'],
    ['{a:1}', 'invalid_json'],
    ["{'a':1}", 'invalid_json'],
    ['{"a":1,}', 'invalid_json'],
    ['[{},]', 'invalid_json'],
    ['{"a":01}', 'invalid_json'],
    ['{"a":1.}', 'invalid_json'],
    ['{"a":.5}', 'invalid_json'],
    ['{"a":+1}', 'invalid_json'],
    ['{"a":1e}', 'invalid_json'],
    ['{"a":-}', 'invalid_json'],
    ['{"a":NaN}', 'invalid_json'],
    ['{"a":Infinity}', 'invalid_json'],
    ['{"a":0x1}', 'invalid_json'],
    ['{"a":tru}', 'invalid_json'],
    ['{"a":truex}', 'invalid_json'],
    ['{"a":"\\x41"}', 'invalid_json'],
    ['{"a":"\\u12"}', 'invalid_json'],
    ['{"a":"\n"}', 'invalid_json'],
    ['{"a":"\t"}', 'invalid_json'],
    ['{"a":"', 'invalid_json'],
    ['{"a":"\\', 'invalid_json'],
    ['{}{}', 'invalid_json'],
    ['{} x', 'invalid_json'],
    ['{}]', 'invalid_json'],
    ['[}', 'invalid_json'],
    ['{]', 'invalid_json'],
    ['/*c*/{}', 'invalid_json'],
    ['{}//c', 'invalid_json'],
    ['\ufeff{}', 'invalid_json'],
    ['{"a":\u00001}', 'invalid_json'],
    ['{"a":"\u0000"}', 'invalid_json'],
    ['\u0000', 'invalid_json'],
    ['<html>', 'invalid_json'],
    ['{"a":1e999}', 'bounds'],
    ['{"a":-1e999}', 'bounds'],
    [`{"a":${'9'.repeat(309)}}`, 'bounds'],
    [`{"a":0.${'1'.repeat(500)}}`, 'bounds'],
    ['{"__proto__":1}', 'invalid_json'],
    ['{"a":{"__proto__":{}}}', 'invalid_json'],
    ['{"\\u005f_proto__":1}', 'invalid_json'],
    ['{"constructor":{"prototype":1}}', 'invalid_json'],
  ])('%s is refused: %s', (text, reason) => {
    expect(reasonOf(scan(text))).toBe(reason);
  });

  test.each([
    '{"constructor":1}',
    '{"prototype":1}',
    '{"constructor":{"a":{"prototype":1}}}',
    '{"proto":1,"_proto_":2}',
    '{"a":1e308}',
  ])('%s is taken', (text) => {
    expect(reasonOf(scan(text))).toBe('ok');
  });

  test('bytes that are not UTF-8 are refused with their place', () => {
    const text = Buffer.concat([Buffer.from('{"a":"é'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(scan(text)).toMatchObject({ ok: false, reason: 'invalid_encoding', position: 8 });
    for (const bytes of [[0xc3], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc0, 0xaf]]) {
      expect(reasonOf(scan(Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')])))).toBe(
        'invalid_encoding',
      );
    }
  });

  test('the fault tells the place', () => {
    expect(scan('{"a":1,"b":x}')).toMatchObject({ position: 11 });
    expect(scan('{"a":1 "b":2}')).toMatchObject({ position: 7 });
    expect(scan('{"a":"xyz')).toMatchObject({ position: 5 });
  });
});

describe('bounds', () => {
  const nested = (depth: number): string => `${'['.repeat(depth - 1)}{}${']'.repeat(depth - 1)}`;
  const inObject = (depth: number): string => `{"a":${nested(depth - 1)}}`;

  test('depth: 32 is taken, 33 and a million are not', () => {
    expect(reasonOf(scan(inObject(32)))).toBe('ok');
    for (const depth of [33, 1_000, 1_000_000]) {
      expect(scan(inObject(depth))).toMatchObject({ reason: 'too_deep', position: 160 / 5 + 4 });
      expect(reasonOf(scan('['.repeat(depth)))).toBe('too_deep');
      expect(reasonOf(scan('{"a":'.repeat(depth)))).toBe('too_deep');
    }
  });

  test('keys: 10,000 are taken, a million are not, in time', () => {
    const keys = (count: number): string => `{${Array.from({ length: count }, (_, at) => `"k${at}":0`).join(',')}}`;
    expect(reasonOf(scan(keys(10_000)))).toBe('ok');
    expect(scan(keys(10_001))).toMatchObject({ reason: 'bounds' });
    const million = Buffer.from(keys(1_000_000));
    const start = performance.now();
    expect(reasonOf(scan(million))).toBe('bounds');
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test('keys are counted for each event of a delivery', () => {
    const event = `{${Array.from({ length: 6_000 }, (_, at) => `"k${at}":0`).join(',')}}`;
    expect(reasonOf(scan(`[${event},${event}]`))).toBe('ok');
  });

  test('strings: 64 KiB are taken, one byte more is not', () => {
    expect(reasonOf(scan(`{"a":"${' '.repeat(65_536)}"}`))).toBe('ok');
    expect(scan(`{"a":"${' '.repeat(65_537)}"}`)).toMatchObject({ reason: 'bounds', position: 5 });
    expect(reasonOf(scan(`{"${' '.repeat(65_537)}":1}`))).toBe('bounds');
  });

  test('elements', () => {
    const limits = { ...DEFAULT_LIMITS, maxElements: 3 };
    expect(reasonOf(scan('[{},{},{}]', { limits }))).toBe('ok');
    expect(reasonOf(scan('[{},{},{},{}]', { limits }))).toBe('bounds');
    expect(reasonOf(scan('{}\n{}\n{}\n{}', { limits, format: 'lines' }))).toBe('bounds');
  });
});

describe('cutting', () => {
  const containers = [['Records'], ['data', 'events']];

  test.each([
    ['one object is one event', '{"a":1}', ['{"a":1}']],
    ['a top-level array', '[ {"a":1} ,\n{"b": [1, 2]} ]', ['{"a":1}', '{"b": [1, 2]}']],
    ['an empty top-level array holds nothing', '[]', []],
    ['a container', '{"Records":[{"a":1},{"b":2}],"x":0}', ['{"a":1}', '{"b":2}']],
    ['a nested container', '{"data":{"n":1,"events":[{"a":1}]}}', ['{"a":1}']],
    ['the first container that is an array', '{"Records":"none","data":{"events":[{"a":1}]}}', ['{"a":1}']],
    ['no container: the whole body', '{"records":[{"a":1}]}', ['{"records":[{"a":1}]}']],
    ['a container that is no array: the whole body', '{"Records":"none"}', ['{"Records":"none"}']],
    ['an empty container: the whole body', ' {"Records":[ ]} ', ['{"Records":[ ]}']],
    ['a repeated container: the last, as a parser has it', '{"Records":[{"a":1}],"Records":[{"b":1}]}', ['{"b":1}']],
  ])('%s', (_, text, expected) => {
    const result = scan(text, { containers });
    expect(valuesOf(result)).toEqual(expected);
  });

  test('elements are byte-exact, whatever stands in them', () => {
    const events = ['{"é":"☃\\u00e9\\/"}', '{ "n" : 1.0e+2 , "m":-0 }', '{"z":{"deep":[{},[],""]}}'];
    for (const text of [`[${events.join(',')}]`, `[ ${events.join(' ,\t')}\n]`])
      expect(valuesOf(scan(text))).toEqual(events);
  });

  test('lines, of which a broken one is withheld and the others stay', () => {
    const result = scan('{"a":1}\n\n{"token":"half\r\n{"b":2}\n', { format: 'lines' });
    expect(valuesOf(result)[0]).toBe('{"a":1}');
    expect(valuesOf(result)[2]).toBe('{"b":2}');
    const withheld = result.ok ? result.elements[1] : undefined;
    expect(withheld?.unreadable).toMatchObject({ reason: 'invalid_json' });
    const marker = JSON.parse(withheld?.value.toString() ?? '') as { unreadable: Record<string, unknown> };
    expect(marker.unreadable).toEqual({
      bytes: 15,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      reason: 'invalid_json',
    });
    expect(withheld?.value.toString()).not.toContain('half');
  });

  test('a line can be a container, too deep, or not UTF-8', () => {
    const lines = Buffer.concat([
      Buffer.from('{"Records":[{"a":1},{"b":1}]}\n'),
      Buffer.from([0xff, 0x0a]),
      Buffer.from(`{"x":${'['.repeat(40)}\n`),
      Buffer.from('42\n'),
    ]);
    const result = scan(lines, { format: 'lines', containers });
    expect(result.ok && result.elements.map(({ unreadable }) => unreadable?.reason)).toEqual([
      undefined,
      undefined,
      'invalid_encoding',
      'too_deep',
      'not_an_object',
    ]);
  });

  test('detect: one text, or lines if a line break follows the first value', () => {
    expect(valuesOf(scan('{"a":1}\n{"b":2}\n', { format: 'detect' }))).toEqual(['{"a":1}', '{"b":2}']);
    expect(valuesOf(scan('{\n"a":1\n}\n', { format: 'detect' }))).toEqual(['{\n"a":1\n}']);
    expect(reasonOf(scan('{"a":1} {"b":2}', { format: 'detect' }))).toBe('invalid_json');
    expect(reasonOf(scan('{"a":1', { format: 'detect' }))).toBe('invalid_json');
    expect(reasonOf(scan('', { format: 'lines' }))).toBe('empty_body');
  });

  test('faults of one element: refuse all, or withhold it', () => {
    const text = '[{"a":1},{"__proto__":{}},{"b":2}]';
    expect(reasonOf(scan(text))).toBe('invalid_json');
    const result = scan(text, { faults: 'withhold' });
    expect(result.ok && result.elements.map(({ unreadable }) => unreadable?.reason)).toEqual([
      undefined,
      'invalid_json',
      undefined,
    ]);
  });

  test.each([
    ['{"a":1,"b":2}', false],
    ['{"a":1,"a":2}', true],
    ['{"x":{"a":1,"b":{},"a":2}}', true],
    ['{"a":1,"\\u0061":2}', true],
    ['{"a":{"b":1},"c":{"b":1}}', false],
    [`{${Array.from({ length: 300 }, (_, at) => `"k${at}":0`).join(',')}}`, false],
    [`{${Array.from({ length: 300 }, (_, at) => `"k${at}":0`).join(',')},"k7":1}`, true],
  ])('repeated keys of %s: %s', (text, expected) => {
    const result = scan(text);
    expect(result.ok && result.elements[0]?.duplicateKeys).toBe(expected);
  });
});

describe('redaction by path', () => {
  const redact = (text: string, path: string[], extra: object = {}, options: Partial<ScanOptions> = {}): string =>
    valueOf(text, { redact: [{ path, rule: 'r', ...extra }], ...options });

  test.each([
    ['a string', '{"a":"x","b":"x"}', ['a'], '{"a":"[REDACTED:r]","b":"x"}'],
    [
      'a number, an object and an array as a whole',
      '{"a":[{"v":1},{"v":{"w":2}},{"v":[3]}]}',
      ['a', '*', 'v'],
      '{"a":[{"v":"[REDACTED:r]"},{"v":"[REDACTED:r]"},{"v":"[REDACTED:r]"}]}',
    ],
    ['anywhere', '{"v":1,"a":{"b":[{"v":"x"}]}}', ['**', 'v'], '{"v":"[REDACTED:r]","a":{"b":[{"v":"[REDACTED:r]"}]}}'],
    ['in the middle', '{"a":{"v":1},"b":{"v":1}}', ['a', '**', 'v'], '{"a":{"v":"[REDACTED:r]"},"b":{"v":1}}'],
    ['an index', '{"a":["x","y"]}', ['a', '1'], '{"a":["x","[REDACTED:r]"]}'],
    [
      'leaves below',
      '{"d":{"a":"x","b":[1,{"c":"y"}],"t":true,"n":null}}',
      ['d', '**'],
      '{"d":{"a":"[REDACTED:r]","b":["[REDACTED:r]",{"c":"[REDACTED:r]"}],"t":true,"n":null}}',
    ],
    ['an escaped key', '{"\\u0061":"x"}', ['a'], '{"\\u0061":"[REDACTED:r]"}'],
    ['no such path', '{"a":{"c":1}}', ['a', 'b'], '{"a":{"c":1}}'],
    ['what tells nothing stays', '{"a":null}', ['a'], '{"a":null}'],
    ['an empty string stays', '{"a":""}', ['a'], '{"a":""}'],
    ['a mask stays', '{"a":"********"}', ['a'], '{"a":"********"}'],
    ['a keyed hash stays', `{"a":"hmac-sha256:${'0'.repeat(64)}"}`, ['a'], `{"a":"hmac-sha256:${'0'.repeat(64)}"}`],
  ])('%s', (_, text, path, expected) => {
    expect(redact(text, path)).toBe(expected);
  });

  test('all other bytes stay as they are', () => {
    expect(redact('{ "é" : 1.0e+2 ,\n"a":"x" , "z": "\\/☃" }', ['a'])).toBe(
      '{ "é" : 1.0e+2 ,\n"a":"[REDACTED:r]" , "z": "\\/☃" }',
    );
  });

  test('paths are those of the event, not of the delivery', () => {
    const result = scan('{"Records":[{"a":"x"},{"b":{"a":"y"}}]}', {
      containers: [['Records']],
      redact: [{ path: ['a'], rule: 'r' }],
    });
    expect(valuesOf(result)).toEqual(['{"a":"[REDACTED:r]"}', '{"b":{"a":"y"}}']);
    expect(result.ok && result.elements[0]?.redactions).toEqual([['a', 'r']]);
  });

  test('lists of name and value keep the names that are named, in the rule or in the policy', () => {
    const text = '{"v":[{"key":"A","value":"1"},{"value":"2","key":"B"},{"name":"C","value":"3"},{"value":"4"}]}';
    expect(redact(text, ['v', '*', 'value'], { keep: ['A'] }, { keep: ['C'] })).toBe(
      '{"v":[{"key":"A","value":"1"},{"value":"[REDACTED:r]","key":"B"},{"name":"C","value":"3"},{"value":"[REDACTED:r]"}]}',
    );
    // Without `keep` in the rule nothing of the policy's list applies.
    expect(redact(text, ['v', '*', 'value'], {}, { keep: ['C'] })).not.toContain('"3"');
  });

  test('members that stay, and conditions', () => {
    expect(redact('{"d":{"a":"1","b":{"a":"2","c":"3"}}}', ['d', '**'], { except: ['a'] })).toBe(
      '{"d":{"a":"1","b":{"a":"2","c":"[REDACTED:r]"}}}',
    );
    const when = { when: { path: ['ref', 'kind'], in: ['secrets'] } };
    expect(redact('{"d":"x","ref":{"kind":"secrets"}}', ['d'], when)).toContain('"d":"[REDACTED:r]"');
    expect(redact('{"d":"x","ref":{"kind":"pods"}}', ['d'], when)).toContain('"d":"x"');
    expect(redact('{"d":"x"}', ['d'], when)).toContain('"d":"x"');
  });

  test('a part of a string', () => {
    expect(redact('{"u":"/api?watch=1&selector=x"}', ['u'], { part: 'query' })).toContain(
      '/api?watch=1&selector=[REDACTED:r]',
    );
  });

  test('where it was is told, odd keys quoted and long ones cut', () => {
    const long = 'k'.repeat(200);
    const result = scan(`{"a":{"b c":[{"${long}":"x"}]}}`, { redact: [{ path: ['**', long], rule: 'r' }] });
    expect(result.ok && result.elements[0]?.redactions[0]?.[0]).toBe(`a["b c"][0]["${long.slice(0, 64)}"]`);
  });

  test('the list of redactions is bounded and says that there are more', () => {
    const result = scan(`{"v":[${Array.from({ length: 150 }, () => '"x"').join(',')}]}`, {
      redact: [{ path: ['v', '*'], rule: 'r' }],
    });
    expect(result.ok && result.elements[0]?.redactions.length).toBe(101);
    expect(result.ok && result.elements[0]?.redactions.at(-1)).toEqual(['*', 'more']);
  });
});

describe('redaction of secrets', () => {
  const TOKEN = 'glpat-abcdefghij0123456789';

  test.each([
    ['a value', `{"m":"see ${TOKEN} ok"}`, '{"m":"see [REDACTED:gitlab_token] ok"}'],
    ['a value with escapes', `{"m":"\\"${TOKEN}\\"\\n☃"}`, '{"m":"\\"[REDACTED:gitlab_token]\\"\\n☃"}'],
    ['a token written in escapes', '{"m":"\\u0067lpat-abcdefghij0123456789"}', '{"m":"[REDACTED:gitlab_token]"}'],
    ['after characters of several bytes', `{"m":"é☃𝄞 ${TOKEN} é"}`, '{"m":"é☃𝄞 [REDACTED:gitlab_token] é"}'],
    ['a key', `{"${TOKEN}":1,"b":2}`, '{"[REDACTED:gitlab_token]":1,"b":2}'],
    [
      'two keys stay two',
      `{"${TOKEN}":1,"x${TOKEN}":2}`,
      '{"[REDACTED:gitlab_token]":1,"[REDACTED:gitlab_token:2]":2}',
    ],
    [
      'a field by its name',
      '{"password":"hunter2","password_policy":"strict"}',
      '{"password":"[REDACTED:field]","password_policy":"strict"}',
    ],
    ['items of a field by its name', '{"authorization":["abc def"]}', '{"authorization":["[REDACTED:field]"]}'],
    [
      'a value by the name beside it',
      '{"e":[{"name":"DB_PASSWORD","value":"x1"},{"name":"STAGE","value":"x1"}]}',
      '{"e":[{"name":"DB_PASSWORD","value":"[REDACTED:field]"},{"name":"STAGE","value":"x1"}]}',
    ],
    [
      'the secret beside the id of a key',
      '{"k":"AKIAABCDEFGHIJKLMNOP","x":"wJalrXUtnFEMIK7MDENGbPxRfiCYzEXAMPLEKEY0"}',
      '{"k":"AKIAABCDEFGHIJKLMNOP","x":"[REDACTED:aws_secret_key]"}',
    ],
  ])('%s', (_, text, expected) => {
    expect(valueOf(text)).toBe(expected);
  });

  test('a path under a key that is a secret does not tell it', () => {
    const result = scan(`{"${TOKEN}":{"password":"x1y2"}}`);
    expect(JSON.stringify(result.ok && result.elements[0]?.redactions)).not.toContain('glpat');
  });

  test('an issuer that sends a secret is refused, and told where, not what', () => {
    const result = scan(`{"data":{"note":["x","Bearer abcdefghijkl1234567890"]}}`, { secrets: 'refuse' });
    expect(result).toMatchObject({
      ok: false,
      reason: 'token_material_present',
      detail: expect.stringContaining('data.note[1]'),
    });
    expect(JSON.stringify(result)).not.toContain('abcdefghijkl');
    expect(reasonOf(scan('{"data":{"code":"4/P7q7W91"}}', { secrets: 'refuse' }))).toBe('token_material_present');
    expect(reasonOf(scan('{"status":{"code":"4/P7q7W91"}}'))).toBe('ok');
    expect(reasonOf(scan(`{"a":1}\n{"t":"${TOKEN}"}`, { secrets: 'refuse', format: 'detect' }))).toBe(
      'token_material_present',
    );
  });
});

describe('properties', () => {
  /** A small generator of numbers, so that a failure can be repeated. */
  function generator(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }
  const seeds = [
    '{"a":[1,2.5e3,{"b":"x\\n\\u00e9"},null,true],"é":{"password":"hunter2","c":[[],{}]},"t":"glpat-abcdefghij0123456789"}',
    '[{"id":1,"v":"Bearer abcdefghijkl1234567890"},{"id":2,"token":"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4eHh4In0.sig","u":"postgres://a:b@c/d"}]',
    '{"x":"%65yJhbGciOiJub25lIn0.eyJzdWIiOiJ4eHh4In0.","y":"cGFzc3dvcmQ9aHVudGVyMmh1bnRlcjI=","z":-0.0e-1}',
  ];
  const alphabet = [
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '0',
    '1',
    '-',
    '.',
    'e',
    'E',
    '+',
    'u',
    'd',
    '8',
    ' ',
    '\n',
    '\t',
    '\u0000',
    'é',
    'true',
    'null',
    '\\u',
    '"":',
    '\ufeff',
  ];

  function mutate(text: string, random: (below: number) => number): string {
    let result = text;
    for (let round = random(3) + 1; round > 0; round--) {
      const at = random(result.length + 1);
      const kind = random(4);
      const piece = alphabet[random(alphabet.length)] ?? '';
      if (kind === 0) result = result.slice(0, at) + piece + result.slice(at);
      else if (kind === 1) result = result.slice(0, at) + result.slice(at + 1 + random(4));
      else if (kind === 2) result = result.slice(0, at) + piece + result.slice(at + 1);
      else result = result.slice(0, at) + result.slice(random(result.length), random(result.length)) + result.slice(at);
    }
    return result;
  }

  test('20,000 mutated texts: never throws, agrees with JSON.parse, and what it gives is JSON of the same shape', () => {
    const random = generator(7);
    let valid = 0;
    for (let round = 0; round < 20_000; round++) {
      const text = mutate(seeds[round % seeds.length] ?? '', random);
      let parsed: unknown;
      let isValid = true;
      try {
        parsed = JSON.parse(text);
      } catch {
        isValid = false;
      }
      const result = scan(text);
      if (!isValid) {
        expect(result.ok, text).toBe(false);
        continue;
      }
      valid += 1;
      if (!result.ok) {
        expect(
          ['not_an_object', 'bounds', 'too_deep', 'empty_body'].includes(result.reason),
          `${result.reason}: ${text}`,
        ).toBe(true);
        continue;
      }
      const expected = Array.isArray(parsed) ? parsed : [parsed];
      const got = result.elements.map(({ value }) => JSON.parse(value.toString()) as unknown);
      expect(got.map(shapeOf), text).toEqual(expected.map(shapeOf));
      if (result.elements.every(({ redactions }) => redactions.length === 0)) expect(got, text).toEqual(expected);
    }
    expect(valid).toBeGreaterThan(1_000);
  });

  test('what was redacted once is not redacted again', () => {
    for (const seed of seeds) {
      const first = valuesOf(scan(seed));
      expect(first.join('')).toContain('[REDACTED:');
      for (const text of first) {
        const again = scan(text);
        expect(valuesOf(again)).toEqual([text]);
        expect(again.ok && again.elements[0]?.redactions).toEqual([]);
      }
    }
  });

  /** The shape of a value: kinds, and the number of members, without what a redaction may change. */
  function shapeOf(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(shapeOf);
    if (typeof value === 'object' && value !== null) return Object.values(value).map(shapeOf);
    return typeof value;
  }
});
