/**
 * Reads stretches of a buffer, and gives for one whose bytes are those of the last what was made of the last: headers of
 * records of one delivery stand side by side and are equal, and what is made of them is shared, so it must not be changed.
 */
export function readEqualOnce<Made>(
  buffer: Buffer,
  make: (start: number, end: number) => Made,
): (start: number, end: number) => Made {
  let last: { readonly start: number; readonly end: number; readonly made: Made } | undefined;
  return (start, end) => {
    if (!last || buffer.compare(buffer, last.start, last.end, start, end) !== 0)
      last = { start, end, made: make(start, end) };
    return last.made;
  };
}
