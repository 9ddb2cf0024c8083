import { isNode } from 'yaml';
import type { Document, LineCounter } from 'yaml';

/** The line of what a path names, or of the nearest thing around it that is there. */
export function lineOfPath(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}
