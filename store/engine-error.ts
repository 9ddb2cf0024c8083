import { Problem } from '../model/problem.ts';

/** How a failed statement is to be treated: mend the rows, narrow the query, or find out whether it happened. */
export type EngineFailure = 'bad_rows' | 'bad_statement' | 'limit' | 'readonly' | 'folder_in_use' | 'other';

// Codes of the engine (ErrorCodes.cpp) by which it says that the rows, not the machine, are at fault.
const BAD_ROWS = new Set([
  '6',
  '25',
  '26',
  '27',
  '33',
  '38',
  '41',
  '53',
  '69',
  '70',
  '72',
  '117',
  '131',
  '321',
  '349',
  '376',
  '407',
  '691',
]);
// The statement itself is wrong: a fault of ours that trying again only repeats.
const BAD_STATEMENT = new Set([
  '10',
  '16',
  '20',
  '36',
  '42',
  '43',
  '46',
  '47',
  '50',
  '60',
  '62',
  '63',
  '80',
  '115',
  '386',
]);
const LIMITS = new Set(['158', '159', '160', '241', '307', '396']);

/** Which sort of failure an error of the engine is; anything unknown is `other`, that is: in doubt. */
export function failureOf(error: unknown): EngineFailure {
  const source = error instanceof Problem ? error.cause : error;
  const code = source instanceof Error && 'code' in source ? String(source.code) : '';
  if (BAD_ROWS.has(code)) return 'bad_rows';
  if (BAD_STATEMENT.has(code)) return 'bad_statement';
  if (LIMITS.has(code)) return 'limit';
  if (code === '164') return 'readonly';
  return code === '76' || code === 'CHDB_CONNECTION' ? 'folder_in_use' : 'other';
}

/**
 * The Problem that stands for an error of the engine. Its message never holds the engine's own words, which name
 * statements, paths and values (reliability.md 3.2 row 20); those stay in `cause`, for our own log alone.
 */
export function engineProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const failure = failureOf(error);
  if (failure === 'limit')
    return new Problem(
      'unavailable',
      'The query needs more than one query may use; ask for a narrower range.',
      { failure },
      error,
    );
  if (failure === 'bad_rows') return new Problem('internal', 'The store refused the rows.', { failure }, error);
  if (failure === 'bad_statement')
    return new Problem('internal', 'The store could not understand the statement.', { failure }, error);
  if (failure === 'readonly')
    return new Problem('internal', 'A read-only session was asked to write.', { failure }, error);
  if (failure === 'folder_in_use')
    return new Problem(
      'folder_in_use',
      'The data folder belongs to another process, or cannot be opened.',
      { failure },
      error,
    );
  return new Problem('unavailable', 'The store did not answer.', { failure }, error);
}
