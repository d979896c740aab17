/** Modules compiled once for all processes that tests start: the start is most of what a small call takes. */
import { fileURLToPath } from 'node:url';

/** For the environment of `coffre` in a scene that hands it one of its own. */
export const compiled: { readonly NODE_COMPILE_CACHE: string } = {
  NODE_COMPILE_CACHE:
    process.env['NODE_COMPILE_CACHE'] ?? fileURLToPath(new URL('../.cache/compiled', import.meta.url)),
};
