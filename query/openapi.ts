import { deadLetterPaths } from './openapi/dead-letter-paths.ts';
import { exceptionPaths } from './openapi/exception-paths.ts';
import { gapPaths } from './openapi/gap-paths.ts';
import { logPaths } from './openapi/log-paths.ts';
import { SCHEMAS, component } from './openapi/parts.ts';
import type { Json } from './openapi/parts.ts';
import { controlPaths, queryPaths, reportPaths } from './openapi/read-paths.ts';
import { intakePaths, openPaths, operatorPaths } from './openapi/write-paths.ts';

/**
 * The description of the whole HTTP API (OpenAPI 3.1), made from the schemas by which requests are read and answers are
 * measured. The doors of other rooms are described here as well, so that there is one document.
 */
export function openApiDocument(version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Custody',
      version,
      description:
        'Who asked for access, who approved it, who ran it, with which short-lived credential, and what was touched. Errors are problem details (RFC 9457) with a stable code.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ bearer: [] }],
    paths: {
      ...intakePaths(),
      ...queryPaths(),
      ...deadLetterPaths(),
      ...exceptionPaths(),
      ...gapPaths(),
      ...controlPaths(),
      ...reportPaths(),
      ...operatorPaths(),
      ...logPaths(),
      ...openPaths(),
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, component(name, schema)])),
    },
  };
}
