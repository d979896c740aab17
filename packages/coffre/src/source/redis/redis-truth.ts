/** What a Redis server held at the moment of the dump, and how two such moments differ. Pure. */
import { CoffreError } from '@coffre/repository';
import { z } from 'zod';
import type { KeyCounts } from './rdb-scan.ts';
import { engineNames, redisEngine } from './redis-engine.ts';

const counts = z.strictObject({ keys: z.int(), expires: z.int() });
const databases = z.record(z.string(), counts);

export const redisTruth = z.strictObject({
  /** Not in the first manifests. */
  engine: redisEngine.default('redis'),
  serverVersion: z.string(),
  method: z.enum(['rdb', 'aof', 'both']),
  /** Counted in what was saved; null where the file holds types that this version cannot follow. */
  databases: databases.nullable(),
  /** Of functions; null where the server does not count them. */
  libraries: z.int().nullable(),
  rdbVersion: z.int().nullable(),
  aof: z
    .strictObject({
      /** Names on the server, which a load needs again. */
      folder: z.string(),
      manifest: z.string(),
      commands: z.int(),
      /** By the server itself, at exactly the last saved byte. */
      databases: databases.nullable(),
    })
    .nullable(),
});
export type RedisTruth = z.infer<typeof redisTruth>;

export type AofNames = { readonly folder: string; readonly filename: string };

/** @throws {CoffreError} MANIFEST_DAMAGED */
export function aofNames({ aof }: RedisTruth): AofNames | undefined {
  if (aof === null) return undefined;
  const { folder, manifest } = aof;
  if ([folder, manifest].some((name) => name === '' || name.startsWith('.') || /[/\\"\n\0]/.test(name))) {
    throw new CoffreError('MANIFEST_DAMAGED', 'the manifest names AOF files that no server would write');
  }
  return { folder, filename: manifest.replace(/\.manifest$/, '') };
}

export type Databases = Readonly<Record<string, KeyCounts>>;

/**
 * What a server that loaded the data does not agree on. Keys that were to expire may be gone: loading and time remove them.
 */
export function compareLoaded(expected: Databases, loaded: Databases): string[] {
  const differences: string[] = [];
  for (const [database, { keys, expires }] of Object.entries(expected)) {
    const found = loaded[database]?.keys ?? 0;
    if (found > keys) differences.push(`database ${database} has ${found} keys instead of ${keys}`);
    else if (found < keys - expires) {
      const least = expires === 0 ? `${keys}` : `${keys}, of which ${expires} may have expired`;
      differences.push(`database ${database} has ${found} keys instead of ${least}`);
    }
  }
  for (const [database, { keys }] of Object.entries(loaded)) {
    if (!(database in expected) && keys > 0) differences.push(`database ${database} was empty and has ${keys} keys`);
  }
  return differences;
}

export function compareTruths(earlier: RedisTruth, later: RedisTruth): string[] {
  const said: string[] = [];
  const [was, is] = [earlier, later].map(({ engine, serverVersion }) => `${engineNames[engine]} ${serverVersion}`);
  if (was !== is) said.push(`the server is ${is} instead of ${was}`);
  const [before, after] = [databasesOf(earlier), databasesOf(later)];
  if (before !== undefined && after !== undefined) {
    for (const database of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const [keys, found] = [before[database]?.keys ?? 0, after[database]?.keys ?? 0];
      if (keys !== found) said.push(`database ${database} has ${found} keys instead of ${keys}`);
    }
  }
  if (earlier.libraries !== null && later.libraries !== null && earlier.libraries !== later.libraries) {
    said.push(`${later.libraries} libraries of functions instead of ${earlier.libraries}`);
  }
  return said;
}

/** The later moment where a snapshot holds two. */
export function databasesOf(truth: RedisTruth): Databases | undefined {
  return truth.aof?.databases ?? truth.databases ?? undefined;
}

export function keysIn(databases: Databases): number {
  return Object.values(databases).reduce((sum, { keys }) => sum + keys, 0);
}
