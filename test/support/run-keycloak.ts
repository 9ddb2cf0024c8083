import { once } from 'node:events';
import { missingForKeycloak } from './keycloak-dist.ts';
import { startKeycloak } from './keycloak-server.ts';

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
const orphaned = new Promise<string>((resolve) => {
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    resolve('the parent ended');
  }, 500);
});
await Promise.race([orphaned, once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')]);
await server.stop();
process.exit(0);
