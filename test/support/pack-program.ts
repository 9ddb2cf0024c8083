import { makePackModel } from './pack-fixture.ts';
import { writePack } from '../../reports/pack/write-pack.ts';

/** Run as a program by a test: writes the fixture's pack into the folder given and prints the hash of its archive. */
const [path] = process.argv.slice(2);
if (path !== undefined) {
  const { zip, manifest_sha256: manifest } = await writePack(
    makePackModel({ framework: 'iso27001', passes: 60 }),
    path,
  );
  process.stdout.write(`${zip.sha256} ${manifest}`);
}
