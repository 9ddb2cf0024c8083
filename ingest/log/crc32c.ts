const POLYNOMIAL = 0x82f63b78;

// Eight tables, so that eight bytes are taken at once: about five times as fast as one.
const TABLES = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let byte = 0; byte < 256; byte += 1) {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  at(0)[byte] = value;
}
for (let table = 1; table < 8; table += 1) {
  for (let byte = 0; byte < 256; byte += 1) {
    const before = at(table - 1)[byte] ?? 0;
    at(table)[byte] = (before >>> 8) ^ (at(0)[before & 255] ?? 0);
  }
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = [at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)];

function at(table: number): Uint32Array {
  return TABLES[table] ?? new Uint32Array(256);
}

/** CRC-32C (Castagnoli) of the bytes from `from` to the end, as Kafka puts it on a record batch. */
export function crc32c(bytes: Buffer, from = 0): number {
  let crc = ~0;
  let place = from;
  for (; place + 8 <= bytes.length; place += 8) {
    const low = crc ^ bytes.readInt32LE(place);
    const high = bytes.readInt32LE(place + 4);
    crc =
      (T7[low & 255] as number) ^
      (T6[(low >>> 8) & 255] as number) ^
      (T5[(low >>> 16) & 255] as number) ^
      (T4[low >>> 24] as number) ^
      (T3[high & 255] as number) ^
      (T2[(high >>> 8) & 255] as number) ^
      (T1[(high >>> 16) & 255] as number) ^
      (T0[high >>> 24] as number);
  }
  for (; place < bytes.length; place += 1) crc = (crc >>> 8) ^ (T0[(crc ^ (bytes[place] as number)) & 255] as number);
  return ~crc >>> 0;
}
