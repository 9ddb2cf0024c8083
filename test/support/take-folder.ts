import { takeFolder } from '../../ingest/folder.ts';

// Run by tests: takes a data folder, says whether it could, and holds it until it is killed.
try {
  const folder = takeFolder(process.argv[2] ?? '');
  if (process.argv[3] !== undefined) folder.announce({ url: process.argv[3], token: 'made-up' });
  process.send?.('taken');
} catch (error) {
  process.send?.((error as { code?: string }).code ?? String(error));
}
setInterval(() => undefined, 1_000);
