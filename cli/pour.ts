import { readText } from './api.ts';
import type { ApiAnswer } from './api.ts';
import type { CommandContext } from './command.ts';

/** Writes a streamed answer to stdout as it comes; a bad answer becomes a Problem. Gives exit code 0. */
export async function pour(answer: ApiAnswer, context: CommandContext): Promise<number> {
  if (answer.status >= 400) await readText(answer);
  // Chunks may cut a character in two, so the decoder keeps the rest for the next.
  const decoder = new TextDecoder();
  for await (const chunk of answer.body) await context.out(decoder.decode(chunk as Buffer, { stream: true }));
  await context.out(decoder.decode());
  return 0;
}
