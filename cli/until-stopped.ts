import type { Custody, CustodyOptions } from '../server/open-custody.ts';
import type { CommandContext } from './command.ts';

const STOP_MS = 10_000;

/** A process that works until it is told to stop. */
export interface Running {
  close(): Promise<void>;
}

/**
 * Opens a process and runs it until SIGTERM or SIGINT; then what is in flight is finished, for ten seconds at most. A
 * signal that comes while it opens ends the opening. `open` tells where it stands.
 */
export async function runUntilStopped(
  context: CommandContext,
  open: (signal: AbortSignal) => Promise<Running>,
): Promise<void> {
  const stopping = new AbortController();
  // Before anybody is told that it listens, so that no signal is met unprepared.
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        stopping.abort();
        resolve(signal);
      });
    }
  });
  let running: Running | undefined;
  try {
    running = await open(stopping.signal);
    const signal = await stopped;
    context.say(`${signal}: finishing what is in flight\n`);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  } finally {
    // Whatever hangs must not keep the process: what was acknowledged is in the log and is taken up at the next start.
    const giveUp = setTimeout(() => process.exit(3), STOP_MS);
    giveUp.unref();
    await running?.close();
    clearTimeout(giveUp);
  }
}

/** The same for the API: opens it with these options, listens, and says where. */
export async function serveUntilStopped(
  context: CommandContext,
  options: Omit<CustodyOptions, 'logTo' | 'signal'>,
  address: { readonly host: string; readonly port: number },
): Promise<void> {
  const { openCustody } = await import('../server/open-custody.ts');
  await runUntilStopped(context, async (signal) => {
    const custody = await openCustody({ ...options, logTo: 'stderr', signal });
    try {
      const url = await custody.listen(address.host, address.port);
      context.say(
        `Custody ${options.policyFile === undefined ? 'without a policy file ' : ''}listens on ${url}, data in ${options.folder}\n`,
      );
      startPolls(context, custody);
      context.say(`Other commands find it by the folder. For curl: the bearer token stands in ${custody.tokenFile}\n`);
      return custody;
    } catch (error) {
      await custody.close();
      throw error;
    }
  });
}

function startPolls(context: CommandContext, { polls }: Custody): void {
  polls?.start();
  if (polls && polls.ids.length > 0) context.say(`Polling ${polls.ids.join(', ')}\n`);
}
