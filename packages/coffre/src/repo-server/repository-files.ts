/** The folders of repositories below that of the server. What a name may be was decided by the route. */
import { dirname, join } from 'node:path';
import { foldersToMake, listFiles, placeOf, syncFolder, systemCode } from '@coffre/repository';
import type { FileHandle, FileKind, ListedFile, LocalFile, LocalFiles } from '@coffre/repository';
import { refused } from './refusal.ts';

const folderMode = 0o700;
/** restic's own: what is stored is never written again. */
export const fileMode = 0o400;

export class RepositoryFiles {
  readonly files: LocalFiles;
  readonly #root: string;
  /** Places where an upload is being given its name. */
  readonly #publishing = new Set<string>();

  constructor(files: LocalFiles, root: string) {
    this.files = files;
    this.#root = root;
  }

  /** Existing folders are no error. */
  async create(folder: readonly string[]): Promise<void> {
    const path = this.#pathOf(folder);
    await this.files.makeFolder(path, folderMode);
    for (const name of foldersToMake(path)) await this.files.makeFolder(name, folderMode);
    for (const parent of [join(path, 'data'), path, dirname(path)]) await syncFolder(this.files, parent);
    if (folder.length > 1) await syncFolder(this.files, this.#root);
  }

  /** In no order; only names of 64 hex digits. */
  list(folder: readonly string[], kind: FileKind): AsyncGenerator<ListedFile> {
    return listFiles(this.files, this.#pathOf(folder), kind);
  }

  /** Undefined when it is not there. */
  async sizeOf(folder: readonly string[], file: FileHandle): Promise<number | undefined> {
    try {
      const found = await this.files.stat(this.placeOf(folder, file));
      return found.isFile ? found.sizeBytes : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  open(folder: readonly string[], file: FileHandle): Promise<LocalFile> {
    return this.files.openFile(this.placeOf(folder, file));
  }

  /** The bytes that were freed; undefined when it was not there. */
  async remove(folder: readonly string[], file: FileHandle): Promise<number | undefined> {
    const place = this.placeOf(folder, file);
    const sizeBytes = await this.sizeOf(folder, file);
    if (sizeBytes === undefined) return undefined;
    try {
      await this.files.unlink(place);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    await syncFolder(this.files, dirname(place));
    return sizeBytes;
  }

  placeOf(folder: readonly string[], file: FileHandle): string {
    return placeOf(this.#pathOf(folder), file);
  }

  /**
   * A missing folder is made inside a repository only: a repository that was never made, or whose disk is not mounted,
   * does not come into being by an upload.
   */
  async createTemporary(folder: readonly string[], temporary: string): Promise<LocalFile> {
    try {
      return await this.files.createFile(temporary, 0o600);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
    const path = this.#pathOf(folder);
    if (!(await this.#isThere(path))) throw refused(404, 'there is no repository here; it is made with ?create=true');
    await this.files.makeFolder(dirname(temporary), folderMode);
    await syncFolder(this.files, dirname(dirname(temporary)));
    return this.files.createFile(temporary, 0o600);
  }

  /**
   * Gives a finished file its name unless that is taken, and makes it durable. Two uploads of one name never replace each
   * other: the second finds the first, or finds it on its way.
   */
  async publish(temporary: string, place: string): Promise<void> {
    if (this.#publishing.has(place)) throw nameTaken();
    this.#publishing.add(place);
    try {
      if (await this.#isThere(place)) throw nameTaken();
      await this.files.rename(temporary, place);
    } finally {
      this.#publishing.delete(place);
    }
  }

  async #isThere(path: string): Promise<boolean> {
    try {
      await this.files.stat(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  #pathOf(folder: readonly string[]): string {
    return join(this.#root, ...folder);
  }
}

export function nameTaken(): Error {
  return refused(403, 'there is a file of this name; nothing is replaced');
}

function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
