/**
 * Ceph's own S3 server with one monitor and one object store, all on loopback and in a temporary folder; stopped at the
 * end of the block. Nothing is asked for but Debian's packages.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';
import type { ServiceName } from './programs.ts';
import type { S3Server } from './s3-scene.ts';
import { startService } from './service-process.ts';
import type { ServiceProcess } from './service-process.ts';

const keys = { AWS_ACCESS_KEY_ID: 'AKTEST', AWS_SECRET_ACCESS_KEY: 'SKTEST' };
/** Under which it looks for buckets in host names; no such name exists anywhere. */
const domain = 's3.coffre.test';
const toolTimeoutMs = 120_000;
/** It makes its pools first. */
const readyTimeoutMs = 120_000;

export async function startRadosGateway(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-radosgw-'));
  const port = await freePort();
  const services: ServiceProcess[] = [];
  const stop = async (): Promise<void> => {
    // The gateway first: it would wait for a monitor that is gone.
    for (const service of services.toReversed()) await service.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await startCluster(folder, port, services);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    virtualHost: `${domain}:${port}`,
    environment: keys,
    [Symbol.asyncDispose]: stop,
  };
}

async function startCluster(folder: string, port: number, services: ServiceProcess[]): Promise<void> {
  for (const name of ['mon/a', 'osd/0', 'rgw', 'run']) mkdirSync(join(folder, name), { recursive: true });
  const [monitorPort, oldMonitorPort] = [await freePort(), await freePort()];
  const clusterId = randomUUID();
  const monitors = `v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${oldMonitorPort}`;
  writeFileSync(join(folder, 'ceph.conf'), configuration({ folder, port, clusterId, monitors }));
  const environment = { CEPH_CONF: join(folder, 'ceph.conf') };
  const tool = (name: ServiceName | 'ceph' | 'monmaptool' | 'radosgw-admin', ...argv: string[]): void => {
    const program = name === 'ceph-mon' || name === 'ceph-osd' ? pathOf(name) : name;
    const done = spawnSync(program, argv, {
      env: { PATH: process.env['PATH'], ...environment },
      encoding: 'utf8',
      timeout: toolTimeoutMs,
    });
    if (done.status !== 0) throw new Error(`${name} ${argv[0]} failed: ${done.error?.message ?? done.stderr}`);
  };
  const start = async (program: ServiceName, argv: readonly string[], readyPort: number): Promise<void> => {
    const place = { port: readyPort };
    services.push(
      await startService({ program: pathOf(program), argv: ['-f', ...argv], environment, place, readyTimeoutMs }),
    );
  };
  const map = join(folder, 'monmap');
  tool('monmaptool', '--create', '--addv', 'a', `[${monitors}]`, '--fsid', clusterId, map);
  tool('ceph-mon', '--mkfs', '-i', 'a', '--monmap', map);
  await start('ceph-mon', ['-i', 'a'], monitorPort);
  const storeId = randomUUID();
  tool('ceph', 'osd', 'new', storeId);
  tool('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', storeId);
  // It listens on ports of its own choice; the gateway waits for it.
  await start('ceph-osd', ['-i', '0'], monitorPort);
  await start('radosgw', ['-n', 'client.rgw'], port);
  const user = ['--uid=test', '--display-name=test'];
  tool('radosgw-admin', 'user', 'create', ...user, '--access-key=AKTEST', '--secret=SKTEST');
}

function pathOf(name: ServiceName): string {
  const path = findService(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

type ClusterPlace = {
  readonly folder: string;
  readonly port: number;
  readonly clusterId: string;
  readonly monitors: string;
};

function configuration({ folder, port, clusterId, monitors }: ClusterPlace): string {
  return `[global]
fsid = ${clusterId}
mon host = ${monitors}
mon initial members = a
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
run dir = ${folder}/run
log file = ${folder}/run/$name.log
admin socket = ${folder}/run/$name.asok
[mon]
mon data = ${folder}/mon/a
mon data avail crit = 1
mon data avail warn = 2
[osd]
osd data = ${folder}/osd/0
osd objectstore = bluestore
bluestore block create = true
# A sparse file.
bluestore block size = 12884901888
bluestore fsck on mount = false
osd memory target = 939524096
[client.rgw]
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port}
# Without a checksum the gateway hangs for five minutes where nobody has to log in.
ms mon client mode = crc
rgw dns name = ${domain}
rgw thread pool size = 32
rgw enable usage log = false
`;
}
