/** What a program asks of a restore, as the options of the command. */
import type { RestoreWish } from '../library/types.ts';
import { refuseContradictions } from './restore-wish.ts';
import type { NamedRestoreOptions } from './restore-wish.ts';
import { usage } from './values.ts';

/** @throws {CoffreError} USAGE */
export function restoreOptions(wish: RestoreWish): NamedRestoreOptions {
  const { name, latest, at, plan, source, target } = wish;
  if (target === undefined && wish.inPlace !== true) {
    throw usage('say where to restore to', 'Give `target`, or `inPlace: true` to replace what is there.');
  }
  if (target !== undefined && wish.inPlace === true) throw usage('`target` and `inPlace` exclude each other');
  const options: NamedRestoreOptions = {
    ...(name === undefined ? {} : { name }),
    ...(latest === true ? { latest } : {}),
    ...(at === undefined ? {} : { at: typeof at === 'string' ? at : at.toISOString().replace(/\.\d+Z$/, 'Z') }),
    ...(wish.verifiedOnly === true ? { verifiedOnly: true as const } : {}),
    ...(plan === undefined ? {} : { plan }),
    ...(source === undefined ? {} : { source }),
    ...(wish.from === undefined ? {} : { from: [...wish.from] }),
    ...(target === undefined ? {} : { target }),
    ...(wish.emergency === true ? { emergency: true as const } : {}),
    ...(wish.preserve === true ? { preserveCurrent: true as const } : {}),
    preserve: wish.preserve !== false,
    confirm: true,
  };
  if (name === undefined && latest === undefined && at === undefined)
    throw usage('say which backup: `name`, `latest` or `at`');
  refuseContradictions([], options);
  return options;
}
