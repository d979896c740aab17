/** What a server says of itself (INFO), and what follows from it for a backup. Pure. */
import { CoffreError } from '@coffre/repository';
import type { KeyCounts } from './rdb-scan.ts';
import type { RedisEngine } from './redis-engine.ts';

export type RedisMethod = 'rdb' | 'aof' | 'both';

export type RedisFacts = {
  readonly engine: RedisEngine;
  readonly version: string;
  readonly mode: string;
  readonly role: string;
  readonly primaryLink: string | undefined;
  readonly isLoading: boolean;
  readonly lastSave: string | undefined;
  readonly aof: {
    readonly isOn: boolean;
    readonly isRewriting: boolean;
    readonly lastWrite: string | undefined;
    readonly lastRewrite: string | undefined;
    /** Written, and waiting to be written: where in the files this answer stands. */
    readonly sizeBytes: number;
    readonly waitingBytes: number;
  };
  readonly databases: Readonly<Record<string, KeyCounts>>;
  /** Of functions; undefined before Redis 7. */
  readonly libraries: number | undefined;
  readonly usedBytes: number;
  readonly residentBytes: number;
  readonly machineBytes: number;
};

export function parseFacts(info: string): RedisFacts {
  const fields = new Map(
    info.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':');
      return line.startsWith('#') || at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const isSet = (name: string): boolean => number(name) !== 0;
  // Valkey names a Redis too, which it is like.
  const valkeyVersion = fields.get('valkey_version');
  const version = valkeyVersion ?? fields.get('redis_version');
  if (version === undefined) {
    throw new CoffreError('SOURCE_INVALID', 'the server does not say which version it is', {
      hint: 'The user may need +info; some hosted services answer INFO in part only.',
    });
  }
  const databases = [...fields].flatMap(([name, value]) => {
    const [, database] = /^db(\d+)$/.exec(name) ?? [];
    return database === undefined ? [] : [[database, keyCounts(value)] as const];
  });
  return {
    engine: valkeyVersion === undefined ? 'redis' : 'valkey',
    version,
    mode: isSet('cluster_enabled')
      ? 'cluster'
      : (fields.get('redis_mode') ?? fields.get('server_mode') ?? 'standalone'),
    role: fields.get('role') ?? 'master',
    primaryLink: fields.get('master_link_status'),
    isLoading: isSet('loading'),
    lastSave: fields.get('rdb_last_bgsave_status'),
    aof: {
      isOn: isSet('aof_enabled'),
      isRewriting: isSet('aof_rewrite_in_progress') || isSet('aof_rewrite_scheduled'),
      lastWrite: fields.get('aof_last_write_status'),
      lastRewrite: fields.get('aof_last_bgrewrite_status'),
      sizeBytes: number('aof_current_size'),
      waitingBytes: number('aof_buffer_length'),
    },
    databases: Object.fromEntries(databases),
    libraries: fields.has('number_of_libraries') ? number('number_of_libraries') : undefined,
    usedBytes: number('used_memory'),
    residentBytes: number('used_memory_rss'),
    machineBytes: number('total_system_memory'),
  };
}

/** As `keys=9,expires=2,avg_ttl=0`, and how many hashes lose fields with time: the last one takes its key along. */
function keyCounts(text: string): KeyCounts {
  const numbers = new Map(text.split(',').map((part) => part.split('=') as [string, string]));
  const number = (name: string): number => Number(numbers.get(name) ?? 0);
  const keys = number('keys');
  const mayGo = number('expires') + number('subexpiry') + number('keys_with_volatile_items');
  return { keys, expires: Math.min(keys, mayGo) };
}

/** @throws {CoffreError} what must stop the backup @returns what a person should know */
export function judgeFacts(facts: RedisFacts, method: RedisMethod): string[] {
  if (facts.isLoading) {
    throw new CoffreError('SOURCE_BUSY', 'the server is still loading its data', {
      hint: 'Try again when it is ready. Nothing was saved.',
      retryable: true,
    });
  }
  if (facts.mode !== 'standalone') {
    throw new CoffreError('SOURCE_REFUSED', `a server in ${facts.mode} mode holds only a part, or none, of the data`, {
      hint: 'Each primary of a cluster would have to be saved at the same moment, which no server offers. Nothing was saved.',
    });
  }
  const isReplica = facts.role !== 'master';
  if (isReplica && facts.primaryLink !== 'up') {
    throw new CoffreError('SOURCE_REFUSED', 'the server is a replica that has lost its primary', {
      hint: 'What it holds may be old or empty. Mend the link, or save the primary. Nothing was saved.',
    });
  }
  if (method !== 'rdb') judgeAof(facts);
  return [
    ...(isReplica ? ['it is a replica: it may be a moment behind its primary'] : []),
    ...(facts.lastSave === 'err' ? ['its own last save failed: look into its log, and at room and memory'] : []),
    ...(facts.aof.isOn && facts.aof.lastRewrite === 'err' ? ['its last AOF rewrite failed: look into its log'] : []),
    ...(method === 'rdb' && facts.aof.lastWrite === 'err' ? ['it cannot write its AOF: look into its log'] : []),
    ...memoryWarnings(facts, method),
  ];
}

function judgeAof({ aof, version, engine }: RedisFacts): void {
  if (engine === 'redis' && Number.parseInt(version, 10) < 7) {
    throw new CoffreError(
      'SOURCE_REFUSED',
      `the AOF of Redis ${version} is one file that is replaced while it is read`,
      {
        hint: 'Use `method: rdb`, or Redis 7 and later. Nothing was saved.',
      },
    );
  }
  if (!aof.isOn) {
    throw new CoffreError('SOURCE_REFUSED', 'the server writes no AOF', {
      hint: 'Use `method: rdb`, or switch it on with `appendonly yes`. Nothing was saved.',
    });
  }
  if (aof.lastWrite === 'err') {
    throw new CoffreError('SOURCE_REFUSED', 'the server cannot write its AOF, so the files are old', {
      hint: 'Look into its log and at the room on its disk. Nothing was saved.',
    });
  }
}

/** A copy for a replica is made by a fork: every page that is written meanwhile is there twice. */
function memoryWarnings({ residentBytes, machineBytes }: RedisFacts, method: RedisMethod): string[] {
  if (method === 'aof' || machineBytes === 0 || residentBytes * 2 <= machineBytes) return [];
  const [used, all] = [residentBytes, machineBytes].map((bytes) => `${(bytes / 2 ** 30).toFixed(1)} GiB`);
  return [`it uses ${used} of ${all}: with many writes during the backup its machine may run out of memory`];
}
