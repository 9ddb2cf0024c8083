import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contractDocuments } from '../../ingest/issuer-kit/contract-documents.ts';

// `npm run contract`: writes the documents of the contract beside the kit, from the schemas by which the door judges.
const folder = join(import.meta.dirname, '../../ingest/issuer-kit/contract');
mkdirSync(folder, { recursive: true });
for (const [name, document] of Object.entries(contractDocuments())) {
  writeFileSync(join(folder, name), `${JSON.stringify(document, null, 2)}\n`);
  process.stdout.write(`${join('ingest/issuer-kit/contract', name)}\n`);
}
