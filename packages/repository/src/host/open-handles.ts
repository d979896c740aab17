import { nativeHandles } from './handles-native.ts';
import { nodeHandles } from './handles-node.ts';
import type { Handles } from './handles.ts';
import { openNative, type Native } from './native.ts';

/** Belongs to the thread that made it; the handles themselves are the process's. `null`: through `node:fs` alone. */
export function createHandles(native: Native | null = openNative() ?? null): Handles {
  return native === null ? nodeHandles() : nativeHandles(native);
}
