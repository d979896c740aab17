import { fileName } from '../backend.ts';
import type { FileHandle } from '../backend.ts';

/**
 * Two saves of one name, one after the other: a server that overwrites would mix them.
 * What one of them ends with does not concern the next.
 */
export function createSavesInTurn(): (file: FileHandle, save: () => Promise<void>) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  return async (file, save) => {
    const name = fileName(file);
    const turn = (running.get(name) ?? Promise.resolve()).then(save, save);
    running.set(name, turn);
    try {
      await turn;
    } finally {
      if (running.get(name) === turn) running.delete(name);
    }
  };
}
