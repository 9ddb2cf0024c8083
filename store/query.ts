import type { z } from 'zod';

/** A query is a value: SQL text with typed `{name:Type}` parameters, their values, and the schema of a row. */
export interface Query<Row> {
  readonly sql: string;
  readonly params: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  readonly row: z.ZodType<Row>;
}

/** Runs queries in the read-only session. Values are bound by the engine, never put into the text. */
export interface Reader {
  read<Row>(query: Query<Row>): Promise<Row[]>;
}
