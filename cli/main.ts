import { Problem } from '../model/problem.ts';
import { helpOf, readArguments, textOption } from './command.ts';
import type { CommandContext } from './command.ts';
import { COMMANDS } from './commands.ts';
import { packageVersion, readSettings } from './settings.ts';

/** Runs one command line and gives its exit code (design.md 8). Never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  // Who reads our output may stop reading (`| head`): a write then says so, and the stream must not end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    return await dispatch(argv);
  } catch (error) {
    return explain(error);
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const asked = COMMANDS.find((command) => command.name === rest[0]);
    await write(asked ? helpOf(await asked.load()) : overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v') {
    await write(`custody ${packageVersion()}\n`);
    return 0;
  }
  return runCommand(name, rest);
}

async function runCommand(name: string, argv: readonly string[]): Promise<number> {
  const entry = COMMANDS.find((one) => one.name === name);
  if (!entry)
    throw new Problem(
      'usage',
      `there is no command "${name}". Commands: ${COMMANDS.map((one) => one.name).join(', ')}`,
    );
  const command = await entry.load();
  const args = readArguments(command, argv);
  if (args.values['help'] === true) {
    await write(helpOf(command));
    return 0;
  }
  const settings = readSettings({
    data: textOption(args, 'data'),
    config: textOption(args, 'config'),
    url: textOption(args, 'url'),
  });
  const context: CommandContext = {
    settings,
    out: write,
    say: (text) => process.stderr.write(text),
    live: process.stderr.isTTY,
  };
  return command.run(args, context);
}

/** Nobody reads our output any more. */
class OutputClosed extends Error {}

function explain(error: unknown): number {
  if (error instanceof OutputClosed) return 0;
  if (error instanceof Problem) {
    process.stderr.write(`custody: ${error.message}\n`);
    return error.exit;
  }
  // A fault of ours: the stack helps whoever reports it, and holds no data of the log.
  process.stderr.write(
    `custody: something went wrong inside. ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return 3;
}

function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length)) + 3;
  return [
    'Custody: who asked for access, who approved it, who ran it, with which short-lived credential, and what was touched.',
    '',
    'Usage: custody COMMAND [options]        custody COMMAND --help teaches each',
    '',
    ...COMMANDS.map((command) => `  ${command.name.padEnd(width)}${command.summary}`),
    '',
    'Try first: npx custody demo',
    '',
  ].join('\n');
}

/** Writes to stdout and waits until it is out. Where nobody reads any more, the command ends: there is no use in it. */
async function write(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(text, (error) =>
      error ? reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? new OutputClosed() : error) : resolve(),
    );
  });
}
