/** What kind of server it is, and whether its oplog makes a dump one moment. Pure. */

/** Answers of a server; undefined where it does not know the question or does not let us ask. */
export type Answers = {
  readonly hello: Readonly<Record<string, unknown>>;
  readonly buildInfo: Readonly<Record<string, unknown>>;
  readonly replicaSetConfig: Readonly<Record<string, unknown>> | undefined;
  readonly shardingState: Readonly<Record<string, unknown>> | undefined;
  readonly hasReadableOplog: boolean;
  /** What keeps users and roles: made with the first of them. */
  readonly accounts: 'something' | 'nothing' | 'denied';
};

export type ServerFacts = {
  readonly program: 'mongod' | 'mongos' | 'ferretdb';
  readonly version: string;
  readonly replicaSet: string | null;
  /** Users and roles of a database, with it. FerretDB has none that could be dumped. */
  readonly accounts: 'saved' | 'none' | 'denied';
  readonly oplog: { readonly usable: true } | { readonly usable: false; readonly why: string };
};

export function factsOf(answers: Answers): ServerFacts {
  const { hello, buildInfo } = answers;
  const replicaSet = typeof hello['setName'] === 'string' ? hello['setName'] : null;
  const program =
    hello['msg'] === 'isdbgrid' ? 'mongos' : Object.hasOwn(buildInfo, 'ferretdbVersion') ? 'ferretdb' : 'mongod';
  const why = oplogObstacle(answers, program, replicaSet);
  return {
    program,
    version: typeof buildInfo['version'] === 'string' ? buildInfo['version'] : 'unknown',
    replicaSet,
    accounts: accountsOf(answers, program),
    oplog: why === undefined ? { usable: true } : { usable: false, why },
  };
}

function accountsOf({ accounts }: Answers, program: ServerFacts['program']): ServerFacts['accounts'] {
  if (program === 'ferretdb' || accounts === 'nothing') return 'none';
  return accounts === 'denied' ? 'denied' : 'saved';
}

/** mongodump takes the oplog of a replica set that stands alone; of a part of a sharded cluster it would be half a truth. */
function oplogObstacle(
  { replicaSetConfig, shardingState, hasReadableOplog }: Answers,
  program: ServerFacts['program'],
  replicaSet: string | null,
): string | undefined {
  if (program === 'mongos') return 'it is the router of a sharded cluster';
  if (replicaSet === null) return 'it is no replica set';
  if (shardingState?.['enabled'] === true) return 'it is a part of a sharded cluster';
  const config = replicaSetConfig?.['config'];
  if (typeof config === 'object' && config !== null && 'configsvr' in config && config.configsvr === true) {
    return 'it is the configuration server of a sharded cluster';
  }
  if (program === 'mongod' && shardingState === undefined) {
    return 'the user may not ask whether it belongs to a sharded cluster (role clusterMonitor)';
  }
  return hasReadableOplog ? undefined : 'the user may not read its oplog (role backup)';
}

/** How a member of a replica set stands; FerretDB says nothing of it. */
export type Standing = {
  readonly me: string | undefined;
  readonly term: number | undefined;
  /** @param last timestamp, seconds:ordinal */
  isOnMost(last: string | null): boolean;
};

export function standingOf(hello: Readonly<Record<string, unknown>>): Standing {
  const { me } = hello;
  const lastWrite = hello['lastWrite'] as { opTime?: OpTime; majorityOpTime?: OpTime } | undefined;
  const most = lastWrite?.majorityOpTime?.ts;
  return {
    me: typeof me === 'string' ? me : undefined,
    term: lastWrite?.opTime === undefined ? undefined : Number(lastWrite.opTime.t),
    isOnMost(last) {
      if (last === null || most === undefined) return true;
      const [seconds = 0, ordinal = 0] = last.split(':').map(Number);
      return most.t > seconds || (most.t === seconds && most.i >= ordinal);
    },
  };
}

type OpTime = { readonly ts?: { readonly t: number; readonly i: number }; readonly t?: unknown };

/** Databases of the server itself. */
const ownDatabases = new Set(['admin', 'config', 'local']);

/** What is dumped: the whole server when nothing was chosen, else each database by itself. */
export type Choice =
  | { readonly kind: 'whole' }
  | { readonly kind: 'databases'; readonly names: readonly string[]; readonly missing: readonly string[] };

export function chooseDatabases(
  present: readonly string[],
  wanted: readonly string[],
  excluded: readonly string[],
): Choice {
  if (wanted.length === 0 && excluded.length === 0) return { kind: 'whole' };
  const left = new Set(excluded);
  const names = wanted.length > 0 ? [...new Set(wanted)] : present.filter((name) => !ownDatabases.has(name));
  const kept = names.filter((name) => !left.has(name)).toSorted();
  return {
    kind: 'databases',
    names: kept.filter((name) => present.includes(name)),
    missing: kept.filter((name) => !present.includes(name)),
  };
}

/** A file name of its own for every database name, whatever is in it. */
export function archiveNameOf(database: string | null): string {
  if (database === null) return 'all.archive';
  const plain = Array.from(Buffer.from(database), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  });
  return `db-${plain.join('')}.archive`;
}
