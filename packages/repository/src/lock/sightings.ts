/**
 * Notes on other people's locks that stood in our way, kept over the end of this process, so that a lock nobody refreshes
 * can be told from one that is refreshed. Losing them costs another half hour of watching.
 *
 *   {"locks": {"<lock id>": {"seenMs": wall clock, "uptimeMs": since boot, "space": "<boot> <pid namespace>"}}}
 */
import { join } from 'node:path';
import { createFileNote, type FileNote } from '../backend/file-note.ts';
import { amount, looseObject, object, optional, text } from '../format/shape.ts';
import { systemRandom } from '../host/system.ts';
import type { LockId } from '../ids.ts';
import type { Now, Sighting } from './lock-rules.ts';

/** Where the notes are kept. Text that cannot be read is no notes; a failing write is reported by whoever asked. */
export type Notes = FileNote;

export type Sightings = {
  /**
   * Notes the locks not seen before and forgets those that are gone; resolves to when each was first seen.
   * @throws what the notes throw when they cannot be written
   */
  watch(ids: readonly LockId[], now: Now): Promise<ReadonlyMap<LockId, Sighting>>;
};

export function createSightings(notes: Notes): Sightings {
  return {
    async watch(ids, now) {
      const old = parseNotes(await notes.read());
      const current = new Map<LockId, Sighting>();
      for (const id of ids) current.set(id, old[id] ?? { seenMs: now.nowMs, uptimeMs: now.uptimeMs, space: now.space });
      const text = JSON.stringify({ locks: Object.fromEntries(current) });
      if (text !== JSON.stringify({ locks: old })) await notes.write(text);
      return current;
    },
  };
}

const sighting = object({ seenMs: amount, uptimeMs: amount, space: optional(text()) });

function parseNotes(text: string | undefined): { readonly [id: string]: Sighting } {
  if (text === undefined) return {};
  try {
    const { locks } = object({ locks: looseObject({}) })(JSON.parse(text), '');
    const notes = Object.entries(locks).map(([id, value]) => [id, sighting(value, id)]);
    return Object.fromEntries(notes) as { readonly [id: string]: Sighting };
  } catch {
    return {};
  }
}

export function memoryNotes(): Notes {
  let notes: string | undefined;
  return {
    async read() {
      return notes;
    },
    async write(text) {
      notes = text;
    },
  };
}

/** `locks.json` in the local state of one repository. */
export function fileNotes(folder: string): Notes {
  const note = createFileNote(join(folder, 'locks.json'), systemRandom());
  return { read: () => note.read().catch(() => undefined), write: (text) => note.write(text) };
}
