import { missingForKeycloak } from './keycloak-dist.ts';
import { startKeycloak } from './keycloak-server.ts';
import { untilInterrupted } from './until-interrupted.ts';

/**
 * `npm run keycloak`: a real Keycloak for development, until it is interrupted or its parent ends. Prints its address on
 * stdout; the administrator's name and password, made up for the run, on stderr.
 */

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const missing = missingForKeycloak();
if (missing !== undefined) {
  say(missing);
  process.exit(3);
}
const parent = process.ppid;
const server = await startKeycloak(say);
process.stdout.write(`${server.url}\n`);
say(`Administrator: ${server.admin.name}, password ${server.admin.password}. Ctrl-C stops it and removes its data`);
await untilInterrupted(parent);
await server.stop();
process.exit(0);
