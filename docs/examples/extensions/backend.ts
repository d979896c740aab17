/**
 * A storage of your own: five kinds of files and one config behind the interface `Backend`. This one keeps everything in
 * memory and counts what is asked of it; a real one speaks to its storage in the same nine calls.
 */
import {
  createFiles,
  createMemoryBackend,
  initRepository,
  openRepository,
  systemClock,
  systemIdentity,
  systemRandom,
} from '@coffre/repository';
import type { Backend, Host } from '@coffre/repository';

const asked = new Map<string, number>();

function counted(storage: Backend): Backend {
  return new Proxy(storage, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        asked.set(String(name), (asked.get(String(name)) ?? 0) + 1);
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

const host: Host = {
  clock: systemClock(),
  random: systemRandom(),
  identity: systemIdentity(),
  files: createFiles(),
  warn: ({ about }) => console.error(about),
};
const backend = counted(createMemoryBackend());
await using made = await initRepository({ backend, host, password: 'of the example' });
await using repository = await openRepository({ backend, host, password: 'of the example' });
console.log(repository.config.id === made.config.id, (await repository.listSnapshots()).length, asked.get('save'));
