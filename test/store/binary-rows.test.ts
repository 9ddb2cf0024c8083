import { describe, expect, it } from 'vitest';
import { createBinaryRows } from '../../store/binary-rows.ts';
import { readRowBinary } from '../../store/row-binary.ts';

/** What is written, read back. */
function through(texts: readonly string[]): { texts: string[]; chunks: number } {
  const chunks: Buffer[] = [];
  const rows = createBinaryRows((bytes) => void chunks.push(Buffer.from(bytes)));
  for (const text of texts) rows.text(text);
  rows.flush();
  const reader = readRowBinary(Buffer.concat(chunks));
  return { texts: texts.map(() => reader.text()), chunks: chunks.length };
}

describe('rows as the engine reads them', () => {
  it('texts of every length and alphabet come back as they were', () => {
    const lengths = [0, 1, 23, 24, 25, 41, 42, 43, 127, 128, 5_460, 5_461, 5_462, 70_000];
    const texts = lengths.flatMap((length) => ['a', 'é', '語', '😀'].map((letter) => letter.repeat(length)));
    const mixed = Array.from({ length: 60 }, (_, index) => `${'x'.repeat(index)}é${'y'.repeat(59 - index)}`);
    const all = [...texts, ...mixed];
    expect(through(all).texts).toEqual(all);
  });

  it('more than a buffer goes on in chunks, and one text that is larger than a buffer too', () => {
    const texts = [...Array.from({ length: 3_000 }, (_, index) => `${index}`.repeat(30)), 'z'.repeat(900_000), 'end'];
    const { texts: found, chunks } = through(texts);
    expect(found).toEqual(texts);
    expect(chunks).toBeGreaterThan(2);
  });

  it('numbers, fixed strings and identifiers stand as bytes of their width', () => {
    const chunks: Buffer[] = [];
    const rows = createBinaryRows((bytes) => void chunks.push(Buffer.from(bytes)));
    rows.int8(-1);
    rows.uint16(0xfffe);
    rows.int64(2 ** 53 - 1);
    rows.uint64(2n ** 64n - 1n);
    rows.nullable(undefined);
    rows.nullable(7);
    rows.fixed('00ff');
    rows.uuid('00112233-4455-6677-8899-aabbccddeeff');
    rows.string(Buffer.from([0, 255]));
    rows.flush();
    expect(Buffer.concat(chunks).toString('hex')).toBe(
      ['ff', 'feff', 'ffffffffffff1f00', 'ffffffffffffffff', '01', '00', '0700000000000000', '00ff'].join('') +
        ['7766554433221100', 'ffeeddccbbaa9988', '0200ff'].join(''),
    );
  });

  it('nothing is handed on where nothing was written', () => {
    expect(through([]).chunks).toBe(0);
  });
});
