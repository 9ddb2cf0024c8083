import { main } from './cli/main.ts';

// The exit code is set, not forced, so that what is still being written to stdout gets out.
process.exitCode = await main(process.argv.slice(2));
