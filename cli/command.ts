import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { Problem } from '../model/problem.ts';
import { parseStamp } from '../model/time.ts';
import type { Settings } from './settings.ts';

type OptionsConfig = NonNullable<ParseArgsConfig['options']>;

/** What a command is given. `out` is stdout (results only); `say` is stderr (messages, progress). */
export interface CommandContext {
  readonly settings: Settings;
  readonly out: (text: string) => Promise<void>;
  readonly say: (text: string) => void;
  /** Whether stderr is a terminal: then progress may rewrite its line. */
  readonly live: boolean;
}

/** What the arguments of a command line turned out to be. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

export interface Command {
  readonly name: string;
  /** Usage line, what it does, examples: what `--help` prints above the options. */
  readonly help: string;
  readonly options: OptionsConfig;
  /** Which of the common options it takes; all of them when left out. */
  readonly common?: readonly CommonOption[];
  /** One line an option, for `--help`. */
  readonly describe: Readonly<Record<string, string>>;
  /** Gives the exit code: 0 ok, 1 findings. Throws a Problem otherwise. */
  run(args: Arguments, context: CommandContext): Promise<number>;
}

/** Options that most commands take. */
export const COMMON_OPTIONS = {
  data: { type: 'string' },
  config: { type: 'string' },
  url: { type: 'string' },
  format: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies OptionsConfig;

export type CommonOption = Exclude<keyof typeof COMMON_OPTIONS, 'help'>;

export const COMMON_DESCRIBE: Readonly<Record<string, string>> = {
  data: 'the data folder (default ./custody-data, or CUSTODY_DATA)',
  config: 'the policy file (default ./custody.yaml if there is one, or CUSTODY_CONFIG)',
  url: 'a running Custody to talk to, instead of a folder (CUSTODY_TOKEN is its bearer token)',
  format: 'text (default) or json: one JSON document on stdout',
  help: 'this page',
};

function commonOf({ common }: Command): OptionsConfig {
  const taken: readonly string[] = common ?? Object.keys(COMMON_OPTIONS);
  return Object.fromEntries(Object.entries(COMMON_OPTIONS).filter(([name]) => name === 'help' || taken.includes(name)));
}

/** Reads the arguments of a command; a Problem of code `usage` names what is wrong and what exists. */
export function readArguments(command: Command, argv: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { ...commonOf(command), ...command.options },
      allowPositionals: true,
      strict: true,
    });
    return { values, positionals };
  } catch (error) {
    throw new Problem(
      'usage',
      `${(error as Error).message.replace(/\. To specify.*$/s, '')}. See: custody ${command.name} --help`,
      {},
      error,
    );
  }
}

/** An option as text; undefined if it was not given. */
export function textOption(args: Arguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === 'string' ? value : undefined;
}

/** An option that must be there. */
export function requiredOption(args: Arguments, name: string, command: string): string {
  const value = textOption(args, name);
  if (value === undefined || value === '')
    throw new Problem('usage', `--${name} is needed. See: custody ${command} --help`);
  return value;
}

/** A moment given as "2026-01-31" (midnight UTC) or as a time with a zone; RFC 3339 text in UTC is returned. */
export function timeOption(args: Arguments, name: string): string | undefined {
  const value = textOption(args, name);
  if (value === undefined) return undefined;
  const stamp = parseStamp(/^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00:00Z` : value);
  if (!stamp)
    throw new Problem(
      'usage',
      `--${name} must be a date (2026-01-31) or a time with a zone (2026-01-31T08:00:00Z), not "${value}"`,
    );
  return new Date(Math.floor(stamp.at / 1_000)).toISOString();
}

/** The period of `--from` and `--to`, both needed: RFC 3339 text in UTC, the first before the second. */
export function periodOption(args: Arguments, command: string): { readonly from: string; readonly to: string } {
  for (const name of ['from', 'to']) requiredOption(args, name, command);
  const [from = '', to = ''] = [timeOption(args, 'from'), timeOption(args, 'to')];
  if (from >= to) throw new Problem('usage', `--from (${from}) must lie before --to (${to})`);
  return { from, to };
}

/** One of the names, or all of them for `all`. */
export function frameworkOption<Name extends string>(
  args: Arguments,
  names: readonly Name[],
  command: string,
): Name | 'all' {
  const value = requiredOption(args, 'framework', command);
  const found = [...names, 'all' as const].find((name) => name === value);
  if (found === undefined) throw new Problem('usage', `--framework is one of ${names.join(', ')}, all; not "${value}"`);
  return found;
}

/** Refuses arguments that are no option, where a command has none. */
export function refuseArguments(args: Arguments, command: string): void {
  if (args.positionals.length > 0)
    throw new Problem(
      'usage',
      `${command} takes no argument, not "${args.positionals[0]}". See: custody ${command} --help`,
    );
}

/** A port; 0 takes a free one. */
export function portOption(args: Arguments, fallback: number): number {
  const value = textOption(args, 'port');
  const port = value === undefined ? fallback : Number(value);
  if (value?.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Problem('usage', `--port must be a number from 0 to 65535, not "${value}"`);
  return port;
}

/** Whether JSON was asked for; any other format than those named is refused. */
export function formatOption<Format extends string>(args: Arguments, formats: readonly Format[]): Format {
  const value = textOption(args, 'format') ?? formats[0];
  const found = formats.find((format) => format === value);
  if (found === undefined) throw new Problem('usage', `--format is one of ${formats.join(', ')}, not "${value}"`);
  return found;
}

/** The page that `--help` prints. */
export function helpOf(command: Command): string {
  const described = { ...COMMON_DESCRIBE, ...command.describe };
  const names = [...Object.keys(command.options), ...Object.keys(commonOf(command))];
  const width = Math.max(...names.map((name) => name.length)) + 4;
  const lines = names.map((name) => `  ${`--${name}`.padEnd(width)}${described[name] ?? ''}`);
  return `${command.help.trim()}\n\nOptions\n${lines.join('\n')}\n\nExit codes: 0 ok, 1 findings, 2 wrong usage or configuration, 3 could not run.\n`;
}
