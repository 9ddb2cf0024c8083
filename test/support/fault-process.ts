import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { KafkaLogOptions } from '../../ingest/log/kafka-log.ts';
import type { StoreServer } from '../../store/settings.ts';
import { until } from './fault-scenario.ts';

/** What a process of fault-child.ts is asked to be. */
export interface FaultChild {
  readonly folder: string;
  /** Where the embedded log lies, if not in the folder. */
  readonly logFolder?: string;
  readonly kafka?: Pick<KafkaLogOptions, 'brokers' | 'topics' | 'sessionTimeoutMs'>;
  /** A store that several processes share; else one in the folder. */
  readonly server?: StoreServer;
  /** Takes leases under this name. */
  readonly holder?: string;
  readonly maxBatchRecords?: number;
  /** Ends when everything is stored. */
  readonly once?: boolean;
  readonly at?: { readonly statement: number; readonly fate: 'die_before' | 'die_after' | 'stand_still' };
  /** The handler of the first batch lets nothing of the process run for so long. */
  readonly freezeMs?: number;
  /** After the second batch a promise rejects that nobody waits for. */
  readonly reject?: boolean;
  /** After the second batch the process takes memory until there is none. */
  readonly hog?: boolean;
}

export interface FaultProcess {
  readonly child: ChildProcess;
  /** What it said, one object a line. */
  readonly said: Record<string, unknown>[];
  readonly end: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stderr: string;
  }>;
  /** Resolves when it has said something with this name; rejects where it ends before. */
  says(name: string): Promise<void>;
}

const CHILD = fileURLToPath(new URL('./fault-child.ts', import.meta.url));
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts one, behind the words of `before` (strace, say) where they are given. */
export function startFaultChild(
  asked: FaultChild,
  node: readonly string[] = [],
  before: readonly string[] = [],
): FaultProcess {
  const [program, ...args] = [...before, process.execPath, ...node, '--import', 'tsx', CHILD, JSON.stringify(asked)];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  const said: Record<string, unknown>[] = [];
  let text = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    const lines = `${text}${part}`.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) said.push(JSON.parse(line) as Record<string, unknown>);
  });
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr = `${stderr}${part}`.slice(-10_000)));
  let hasEnded = false;
  const end: FaultProcess['end'] = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      children.delete(child);
      hasEnded = true;
      resolve({ code, signal, stderr });
    });
  });
  return {
    child,
    said,
    end,
    async says(name) {
      await until(() => hasEnded || said.some((one) => name in one));
      if (!said.some((one) => name in one)) throw new Error(`it ended before it said ${name}: ${stderr}`);
    },
  };
}

/** Runs one to its end, in which everything must be stored. */
export async function carryAll(asked: FaultChild): Promise<void> {
  const { code, signal, stderr } = await startFaultChild({ ...asked, once: true }).end;
  if (code !== 0) throw new Error(`it ended with ${code} ${signal}: ${stderr}`);
}
