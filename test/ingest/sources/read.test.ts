import { describe, expect, test } from 'vitest';
import {
  at,
  getId,
  getList,
  getMicros,
  getStamp,
  getString,
  needId,
  needObject,
  needStamp,
  needString,
  openDoc,
  partOf,
  partsOf,
  refusalOf,
} from '../../../ingest/sources/read.ts';

const JSON_VALUE: unknown = JSON.parse(
  '{"text":"a","empty":"","zero":0,"number":7,"list":[{"id":1},"x",{"id":"b"}],"part":{"name":1,"when":"2026-08-20T09:00:00Z"},"wrong":"text","nothing":null,"__proto__":{"polluted":"yes"}}',
);

describe('what may be absent', () => {
  test('absent and null are nothing, another type is noted with its path', () => {
    const doc = openDoc(JSON_VALUE);
    expect(getString(doc, 'text')).toBe('a');
    expect(getString(doc, 'nothing')).toBeUndefined();
    expect(getString(doc, 'missing', 'deeper')).toBeUndefined();
    expect(getString(doc, 'part', 'name')).toBeUndefined();
    expect(getList(doc, 'text')).toEqual([]);
    expect(doc.notes.unread).toEqual(['part.name', 'text']);
    expect(refusalOf(doc)).toBeUndefined();
  });

  test('a step of another type on the way is what is noted', () => {
    const doc = openDoc(JSON_VALUE);
    expect(getString(doc, 'wrong', 'name')).toBeUndefined();
    expect(doc.notes.unread).toEqual(['wrong']);
  });

  test('parts share their notes and know their place', () => {
    const doc = openDoc(JSON_VALUE);
    const parts = partsOf(doc, 'list');
    expect(parts.map((part) => getId(part, 'id'))).toEqual(['1', 'b']);
    expect(getString(partOf(doc, 'part'), 'name')).toBeUndefined();
    expect(doc.notes.unread).toEqual(['list[1]', 'part.name']);
  });

  test('a sentinel is nothing, an unreadable time is noted', () => {
    const doc = openDoc({ id: 'unknown', when: 'yesterday', later: '' });
    expect(getId(doc, 'id')).toBeUndefined();
    expect(getStamp(doc, 'when')).toBeUndefined();
    expect(getMicros(doc, 'later')).toBeUndefined();
    expect(doc.notes.unread).toEqual(['when']);
  });
});

describe('what must be there', () => {
  test.each([
    [
      'needString',
      (doc: ReturnType<typeof openDoc>) => needString(doc, 'missing'),
      'missing_required_fields',
      'missing',
    ],
    ['needString', (doc: ReturnType<typeof openDoc>) => needString(doc, 'empty'), 'missing_required_fields', 'empty'],
    ['needString', (doc: ReturnType<typeof openDoc>) => needString(doc, 'number'), 'wrong_type', 'number'],
    ['needId', (doc: ReturnType<typeof openDoc>) => needId(doc, 'zero'), 'missing_required_fields', 'zero'],
    ['needId', (doc: ReturnType<typeof openDoc>) => needId(doc, 'part'), 'wrong_type', 'part'],
    ['needId', (doc: ReturnType<typeof openDoc>) => needId(doc, 'wrong', 'id'), 'wrong_type', 'wrong'],
    ['needObject', (doc: ReturnType<typeof openDoc>) => needObject(doc, 'list'), 'wrong_type', 'list'],
    ['needStamp', (doc: ReturnType<typeof openDoc>) => needStamp(doc, 'nothing'), 'missing_required_fields', 'nothing'],
    ['needStamp', (doc: ReturnType<typeof openDoc>) => needStamp(doc, 'text'), 'bad_timestamp', 'text'],
  ])('%s keeps the fault', (_name, read, reason, detail) => {
    const doc = openDoc(JSON_VALUE);
    read(doc);
    expect(refusalOf(doc)).toEqual({ ok: false, reason, detail });
  });

  test('the first fault is the one that is told', () => {
    const doc = openDoc(JSON_VALUE);
    needString(doc, 'number');
    needString(doc, 'missing');
    expect(refusalOf(doc)).toMatchObject({ reason: 'wrong_type' });
  });
});

test('names of the language are found only where the document has them as its own', () => {
  expect(at({}, 'constructor')).toBeUndefined();
  expect(at([], 'length')).toBeUndefined();
  expect(at(JSON_VALUE, '__proto__', 'polluted')).toBe('yes');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
