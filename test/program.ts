/** The program as tests start it: from its sources, or as `npm test` built it once for all, in half the processor time. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../packages/coffre', import.meta.url));
const built = process.env['COFFRE_TEST_PROGRAM'];

/** As a user types it. */
export const launcher: string = join(built ?? sources, 'bin/coffre');

/** Beside extensions that import our packages: from a checkout only the sources have them. */
export const sourceLauncher: string = join(sources, 'bin/coffre');

/** For Node itself: one process from the first moment, without a shell before it. */
export const nodeArguments: readonly string[] =
  built === undefined
    ? ['--conditions=@coffre/source', '--disable-warning=ExperimentalWarning', join(sources, 'src/main.ts')]
    : ['--disable-warning=ExperimentalWarning', join(built, 'dist/main.js')];
