import { bytesOf, readText } from './api.ts';
import type { ApiAnswer } from './api.ts';
import type { CommandContext } from './command.ts';

/** Writes a streamed answer to stdout as it comes; a bad answer becomes a Problem. Gives exit code 0. */
export async function pour(answer: ApiAnswer, context: CommandContext): Promise<number> {
  if (answer.status >= 400) await readText(answer);
  for await (const text of bytesOf(answer)) await context.out(text);
  return 0;
}
