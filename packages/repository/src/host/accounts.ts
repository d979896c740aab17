/**
 * Names of users and groups. `/etc/passwd` and `/etc/group` answer nearly always; the rest (LDAP, sssd, systemd) goes
 * through the name service of libc.
 */
import { readFileSync } from 'node:fs';
import { toByteString } from '../format/bytestring.ts';
import { putPath, type Native, type Scratch } from './native.ts';

export type Accounts = {
  /** Undefined when nobody knows the number. */
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
};

/** Answers are kept as long as the object lives. */
export function createAccounts(native: Native | undefined, folder = '/etc'): Accounts {
  const users = createLookup(
    `${folder}/passwd`,
    native && { native, byId: native.calls.getpwuid_r, byName: native.calls.getpwnam_r },
  );
  const groups = createLookup(
    `${folder}/group`,
    native && { native, byId: native.calls.getgrgid_r, byName: native.calls.getgrnam_r },
  );
  return { userName: users.name, groupName: groups.name, userId: users.id, groupId: groups.id };
}

type NameService = {
  native: Native;
  byId: (id: number, entry: bigint, text: bigint, textBytes: bigint, found: bigint) => number;
  byName: (name: bigint, entry: bigint, text: bigint, textBytes: bigint, found: bigint) => number;
};

function createLookup(path: string, service: NameService | undefined) {
  let table: Table | undefined;
  const names = new Map<number, string | undefined>();
  const ids = new Map<string, number | undefined>();
  const read = (): Table => (table ??= readTable(path));
  return {
    name: (id: number): string | undefined => {
      if (names.has(id)) return names.get(id);
      const name = read().names.get(id) ?? (service && askName(service, id));
      names.set(id, name);
      return name;
    },
    id: (name: string): number | undefined => {
      if (ids.has(name)) return ids.get(name);
      const id = read().ids.get(name) ?? (service && askId(service, name));
      ids.set(name, id);
      return id;
    },
  };
}

type Table = { names: Map<number, string>; ids: Map<string, number> };

/** `name:password:id:…`, one a line; the first line of an id or a name counts. */
function readTable(path: string): Table {
  const table: Table = { names: new Map(), ids: new Map() };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return table;
  }
  for (const line of text.split('\n')) {
    const [name, , digits] = line.split(':');
    if (!name || name.startsWith('#') || !digits || !/^\d{1,10}$/.test(digits)) continue;
    const id = Number(digits);
    if (!table.names.has(id)) table.names.set(id, name);
    if (!table.ids.has(name)) table.ids.set(name, id);
  }
  return table;
}

/** `struct passwd` and `struct group` both start with name, password, id (offsets 0, 8, 16). */
const idOffset = 16;
const textBytes = 65536;

function askName({ native, byId }: NameService, id: number): string | undefined {
  const memory = entryMemory(native);
  if (byId(id, memory.entry.address, memory.text.address, BigInt(textBytes), memory.found.address) !== 0)
    return undefined;
  if (memory.found.buffer.readBigUInt64LE(0) === 0n) return undefined;
  return native.textAt(memory.entry.buffer.readBigUInt64LE(0)) ?? undefined;
}

function askId({ native, byName }: NameService, name: string): number | undefined {
  const memory = entryMemory(native);
  const address = putPath(native.path, toByteString(name));
  if (byName(address, memory.entry.address, memory.text.address, BigInt(textBytes), memory.found.address) !== 0)
    return undefined;
  if (memory.found.buffer.readBigUInt64LE(0) === 0n) return undefined;
  return memory.entry.buffer.readUInt32LE(idOffset);
}

function entryMemory(native: Native): { entry: Scratch; text: Scratch; found: Scratch } {
  return { entry: native.scratch(128), text: native.scratch(textBytes), found: native.scratch(8) };
}
