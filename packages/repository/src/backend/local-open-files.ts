import type { LocalFile, LocalFiles } from './local-files.ts';

/** An open file to read from; disposing of it gives it back. */
export type BorrowedFile<File = LocalFile> = AsyncDisposable & { readonly file: File };

export type OpenFiles<File = LocalFile> = {
  borrow(place: string): Promise<BorrowedFile<File>>;
  /** The next borrower opens the place anew: what it holds was removed or replaced. */
  forget(place: string): Promise<void>;
  close(): Promise<void>;
};

const openFilesMax = 32;

type Closable = { close(): Promise<void> };
type Entry<File> = { readonly opening: Promise<File>; users: number; forgotten: boolean };

/** Keeps the files open that were read last: opening and closing costs twice as much as reading a small range. */
export function createOpenFiles<File extends Closable>(files: {
  openFile(place: string): Promise<File>;
}): OpenFiles<File> {
  const entries = new Map<string, Entry<File>>();

  async function leave(entry: Entry<File>): Promise<void> {
    if (!entry.forgotten || entry.users > 0) return;
    // Nothing was written through it, so a failing close loses nothing.
    await entry.opening.then((file) => file.close()).catch(() => undefined);
  }

  async function forget(place: string): Promise<void> {
    const entry = entries.get(place);
    if (entry === undefined) return;
    entries.delete(place);
    entry.forgotten = true;
    await leave(entry);
  }

  async function closeOldest(): Promise<void> {
    const [oldest] = entries.keys();
    if (entries.size > openFilesMax && oldest !== undefined) await forget(oldest);
  }

  return {
    async borrow(place) {
      const entry = entries.get(place) ?? { opening: files.openFile(place), users: 0, forgotten: false };
      entry.users += 1;
      // Moves it to the young end.
      entries.delete(place);
      entries.set(place, entry);
      await closeOldest();
      try {
        const file = await entry.opening;
        return {
          file,
          async [Symbol.asyncDispose]() {
            entry.users -= 1;
            await leave(entry);
          },
        };
      } catch (error) {
        if (entries.get(place) === entry) entries.delete(place);
        throw error;
      }
    },
    forget,
    async close() {
      await Promise.all([...entries.keys()].map(forget));
    },
  };
}

export async function openOnce(files: LocalFiles, place: string): Promise<BorrowedFile> {
  const file = await files.openFile(place);
  return { file, [Symbol.asyncDispose]: () => file.close() };
}
