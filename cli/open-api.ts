import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../model/problem.ts';
import type { Custody } from '../server/open-custody.ts';
import { injectApi, remoteApi } from './api.ts';
import type { Api } from './api.ts';
import type { CommandContext } from './command.ts';

const SAY_AFTER_MS = 1_500;

/**
 * The API for a command: of the server that `--url` names, of the running server that holds the data folder, or in this
 * process over the folder itself. `reads`: the command asks and brings nothing, so there must be something to ask.
 */
export async function openApi(context: CommandContext, options: { reads?: boolean }): Promise<Api> {
  const { url, token, dataFolder } = context.settings;
  if (url !== undefined) return remoteApi(url, token);
  // Loaded only where it is needed: a command that talks to a server, or only tells its usage, should answer at once.
  const { findServer } = await import('../ingest/folder.ts');
  const server = await findServer(dataFolder);
  if (server) return remoteApi(server.url, server.token);
  const { custodyOptions } = await import('./local-options.ts');
  const settings = custodyOptions(context);
  if (options.reads === true && !existsSync(join(dataFolder, 'store'))) {
    throw new Problem(
      'not_found',
      `nothing was imported yet: there is no data at ${dataFolder}. See custody import --help, or name another folder with --data.`,
    );
  }
  const { openCustody } = await import('../server/open-custody.ts');
  const onUntold = (count: number): void =>
    context.say(`warning: this could not be recorded (${count} readings of evidence): the log takes nothing now.\n`);
  const custody = await openCustody({ ...settings, oidc: undefined, logTo: 'nowhere', onUntold });
  closeOnSignal(custody, context);
  if (options.reads === true) {
    await settle(custody, context);
    custody.recordReads();
  }
  return injectApi(custody.app, custody.token, () => custody.close());
}

// What an import that was killed had left in the log belongs to the answer. A partition that cannot go on must not hide
// what the others hold.
async function settle(custody: Custody, { say, live }: CommandContext): Promise<void> {
  // Said to somebody who waits at a terminal; in a pipe it would only depend on how busy the machine is.
  const late = setTimeout(
    () => live && say('looking whether an earlier command left something half done, to complete it\n'),
    SAY_AFTER_MS,
  );
  await custody.settled().catch((error: unknown) => {
    say(
      `warning: some of what the log holds is not stored: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  });
  clearTimeout(late);
}

/** A first Ctrl-C ends cleanly, so that nothing stays in memory folders; a second one ends at once. Both lose nothing. */
function closeOnSignal(custody: Custody, { say }: CommandContext): void {
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    process.once(signal, () => {
      say(`\n${signal}: stopping. What is half done goes on with the next command.\n`);
      void custody.close().finally(() => process.exit(code));
    });
  }
}
