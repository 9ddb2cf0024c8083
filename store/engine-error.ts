import { Problem } from '../model/problem.ts';

/** How a failed statement is to be treated: mend the rows, narrow the query, or find out whether it happened. */
export type EngineFailure =
  | 'bad_rows'
  | 'bad_statement'
  | 'limit'
  | 'readonly'
  | 'denied'
  | 'disk_full'
  | 'folder_in_use'
  | 'other';

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
// The user, its password, its rights, or the database that it names.
const REFUSED_ACCESS = new Set(['81', '192', '193', '194', '497', '516']);
const NOT_ENOUGH_SPACE = '243';
const ACCESS_DENIED = '497';

/** Whether the server knows us but lets us not in, or not to this database. */
export function isRefusedAccess(error: unknown): boolean {
  return REFUSED_ACCESS.has(codeOf(error));
}

/** Whether a table of the statement does not exist. */
export function isUnknownTable(error: unknown): boolean {
  return codeOf(error) === '60';
}

/** Whether the server lets us in, and not do this: a right is missing, or the user may only read. */
export function isNotAllowed(error: unknown): boolean {
  const failure = failureOf(error);
  return failure === 'denied' || failure === 'readonly';
}

function codeOf(error: unknown): string {
  const source = error instanceof Problem ? error.cause : error;
  return source instanceof Error && 'code' in source ? String(source.code) : '';
}

/** Which sort of failure an error of the engine is; anything unknown is `other`, that is: in doubt. */
export function failureOf(error: unknown): EngineFailure {
  const code = codeOf(error);
  if (BAD_ROWS.has(code)) return 'bad_rows';
  if (BAD_STATEMENT.has(code)) return 'bad_statement';
  if (LIMITS.has(code)) return 'limit';
  if (code === '164') return 'readonly';
  if (code === ACCESS_DENIED) return 'denied';
  if (code === NOT_ENOUGH_SPACE || isOutOfSpace(error)) return 'disk_full';
  return code === '76' || code === 'CHDB_CONNECTION' ? 'folder_in_use' : 'other';
}

// A write that fails names the reason of the system in its words alone.
function isOutOfSpace(error: unknown): boolean {
  const source = error instanceof Problem ? error.cause : error;
  return source instanceof Error && /No space left on device|errno: 28\b|ENOSPC/.test(source.message);
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
  // A right that is missing can be given while we wait, so this is asked again like any other absence.
  if (failure === 'denied')
    return new Problem(
      'unavailable',
      'The store does not allow its user this statement. Compare the rights with deploy/clickhouse/users.sql.',
      { failure },
      error,
    );
  if (failure === 'folder_in_use')
    return new Problem(
      'folder_in_use',
      'The data folder belongs to another process, or cannot be opened.',
      { failure },
      error,
    );
  if (failure === 'disk_full')
    return new Problem(
      'unavailable',
      'The disk of the store is full. Nothing is dropped: the log keeps what comes until there is room again.',
      { failure },
      error,
    );
  return new Problem('unavailable', 'The store did not answer.', { failure }, error);
}
