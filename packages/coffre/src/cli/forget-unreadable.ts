import { CoffreError, isCoffreError } from '@coffre/repository';

/** What is not there need not be removed. */
const absent: ReadonlySet<string> = new Set(['SNAPSHOT_NOT_FOUND', 'ID_AMBIGUOUS', 'ID_MALFORMED', 'USAGE']);

/** restic ends well after a snapshot that was named and cannot be read; whoever runs it in a script believes it gone. */
export class UnreadableSnapshots {
  readonly #names: string[] = [];

  readonly note = (name: string, error: unknown): void => {
    if (!isCoffreError(error) || !absent.has(error.code)) this.#names.push(name);
  };

  /** @throws {CoffreError} SNAPSHOT_NOT_REMOVED */
  refuse(): void {
    if (this.#names.length === 0) return;
    const files = this.#names.length === 1 ? 'snapshot' : 'snapshots';
    throw new CoffreError(
      'SNAPSHOT_NOT_REMOVED',
      `cannot read and so did not remove: ${files} ${this.#names.join(', ')}`,
      {
        hint: 'Bring the file back from a copy of the repository; without one, delete it in the folder `snapshots` of the storage.',
      },
    );
  }
}
