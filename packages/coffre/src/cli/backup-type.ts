/** The words for kinds of backups. Each stores only what is new and restores on its own; a full one reads everything. */
import { parseChoice, usage } from './values.ts';

export type TypeOptions = {
  readonly full?: true | undefined;
  readonly force?: true | undefined;
  readonly type?: string | undefined;
};

/** @throws {CoffreError} USAGE */
export function readsAll({ full, force, type }: TypeOptions): boolean {
  const isForced = (full ?? force) === true;
  if (type === undefined) return isForced;
  const isFull = parseChoice(type, '--type', ['full', 'incremental', 'differential']) === 'full';
  if (isForced && !isFull) throw usage(`--type ${type} does not go with reading everything`, 'Leave one of them out.');
  return isFull;
}
