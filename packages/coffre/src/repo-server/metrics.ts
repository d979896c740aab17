/** Figures for Prometheus: rest-server's names where it has the figure, so that its dashboards go on. */
import type { Quota } from './quota.ts';
import type { Served } from './served.ts';

export type Metrics = {
  count(served: Served): void;
  read(quota: Quota): Promise<{ readonly type: string; readonly text: string }>;
};

/** A client that makes repositories without end does not make figures without end. */
const repositoriesMax = 1000;

export async function createMetrics(): Promise<Metrics> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  const perFile = (name: string, help: string): InstanceType<typeof Counter<'user' | 'repo' | 'type'>> =>
    new Counter({ name: `rest_server_blob_${name}`, help, labelNames: ['user', 'repo', 'type'], registers });
  const counters = {
    read: [perFile('read_total', 'Files read'), perFile('read_bytes_total', 'Bytes of files read')],
    write: [perFile('write_total', 'Files written'), perFile('write_bytes_total', 'Bytes of files written')],
    delete: [perFile('delete_total', 'Files deleted'), perFile('delete_bytes_total', 'Bytes of files deleted')],
  } as const;
  const requests = new Counter({
    name: 'coffre_repo_server_requests_total',
    help: 'Requests by method and status; status 0 when the client went away before the answer',
    labelNames: ['method', 'status'],
    registers,
  });
  const used = new Gauge({ name: 'coffre_repo_server_used_bytes', help: 'Bytes of all repositories', registers });
  const limit = new Gauge({ name: 'coffre_repo_server_limit_bytes', help: 'Bytes that they may have', registers });
  const repositories = new Set<string>();

  return {
    count(served) {
      requests.inc({ method: known(served.method), status: String(served.status) });
      const { moved, repository = '', user = '' } = served;
      if (moved === undefined) return;
      if (repositories.size < repositoriesMax) repositories.add(repository);
      const repo = repositories.has(repository) ? repository : 'others';
      const [files, bytes] = counters[moved.operation];
      files.inc({ user, repo, type: moved.kind });
      bytes.inc({ user, repo, type: moved.kind }, moved.sizeBytes);
    },
    async read(quota) {
      used.set(quota.usedBytes);
      limit.set(quota.limitBytes);
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}

const methods: ReadonlySet<string> = new Set(['HEAD', 'GET', 'POST', 'DELETE']);

function known(method: string): string {
  return methods.has(method) ? method : 'other';
}
