import { Problem } from '../../model/problem.ts';
import type { Writer } from '../../store/clickhouse.ts';

/** What happens to one statement of the writer: nothing special, or one of the ways in which an engine lets down. */
export type Fate = 'work' | 'fail_before' | 'lose_answer' | 'refuse';

export interface Statement {
  readonly kind: 'insertFile' | 'run' | 'read' | 'bytes';
  readonly sql: string;
  readonly file?: string;
  /** How many writing statements came before it. */
  readonly index: number;
}

/** A writer whose statements meet the fate that `fate` decides. */
export function failingWriter(writer: Writer, fate: (statement: Statement) => Fate): Writer {
  let index = 0;
  async function meet<T>(statement: Omit<Statement, 'index'>, work: () => Promise<T>): Promise<T> {
    const decided = fate({ ...statement, index });
    if (statement.kind === 'insertFile' || statement.kind === 'run') index += 1;
    if (decided === 'refuse')
      throw new Problem('internal', 'refused', {}, Object.assign(new Error('Cannot parse input'), { code: '27' }));
    if (decided === 'fail_before') throw new Problem('unavailable', 'injected: never sent');
    const answer = await work();
    if (decided === 'lose_answer') throw new Problem('unavailable', 'injected: answer lost');
    return answer;
  }
  return {
    ...writer,
    read: (query) => meet({ kind: 'read', sql: query.sql }, () => writer.read(query)),
    bytes: (query) => meet({ kind: 'bytes', sql: query.sql }, () => writer.bytes(query)),
    run: (sql, params) => meet({ kind: 'run', sql }, () => writer.run(sql, params)),
    insertFile: (insert) =>
      meet({ kind: 'insertFile', sql: insert.into, file: insert.file }, () => writer.insertFile(insert)),
  };
}
