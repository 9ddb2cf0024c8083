import { runInNewContext } from 'node:vm';

/** As much of a browser as the page of a pack uses: elements by id, rows of a table, events. No network, no timers. */
export interface PageWindow {
  type(words: string): void;
  choose(id: 'test' | 'verdict', value: string): void;
  rows(): readonly string[];
  count(): string;
}

interface FakeElement {
  value: string;
  textContent: string;
  hidden: boolean;
  readonly lines: string[][];
  readonly listeners: Map<string, (event: object) => void>;
}

/** Runs the page's own script over its own data blocks. */
export function runPage(html: string): PageWindow {
  const scripts = [...html.matchAll(/<script( type="application\/json")?>([\s\S]*?)<\/script>/g)];
  const elements = new Map<string, FakeElement & Record<string, unknown>>();
  const byId = (id: string): FakeElement & Record<string, unknown> => {
    const known = elements.get(id);
    if (known) return known;
    const lines: string[][] = [];
    const listeners = new Map<string, (event: object) => void>();
    const made = {
      value: '', textContent: '', hidden: true, lines, listeners,
      addEventListener: (name: string, listener: (event: object) => void) => listeners.set(name, listener),
      replaceChildren: () => lines.splice(0),
      insertRow: () => {
        const line: string[] = [];
        lines.push(line);
        return { insertCell: () => ({ set textContent(text: string) { line.push(text); }, className: '' }) };
      },
    }; // prettier-ignore
    elements.set(id, made);
    return made;
  };
  const document = {
    getElementById: byId,
    querySelectorAll: () => scripts.filter((one) => one[1] !== undefined).map((one) => ({ textContent: one[2] })),
  };
  runInNewContext(scripts.find((one) => one[1] === undefined)?.[2] ?? '', { document, JSON, Set });
  const change = (id: string, value: string): void => {
    byId(id).value = value;
    byId(id).listeners.get('input')?.({});
  };
  return {
    type: (words) => change('words', words),
    choose: change,
    rows: () => byId('rows').lines.map((line) => line.join(' | ')),
    count: () => byId('count').textContent,
  };
}
