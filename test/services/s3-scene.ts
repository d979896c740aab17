/** A real S3 server that a suite is held against: versitygw, Ceph's radosgw, or one that is named. */
import { skipWithoutService } from './programs.ts';
import { startRadosGateway } from './radosgw.ts';
import { startVersityGateway } from './versitygw.ts';

export type S3Server = AsyncDisposable & {
  /** `http://HOST:PORT` */
  readonly origin: string;
  readonly environment: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  /** Where buckets have host names under it. */
  readonly virtualHost?: string;
  /** Where keys are paths; undefined for servers that keep them otherwise. */
  readonly folder?: string;
};

export type S3Scene = {
  readonly name: string;
  readonly skip: string | false;
  /** Its servers have a `virtualHost`. */
  readonly hasVirtualHosts?: boolean;
  readonly start: () => Promise<S3Server>;
};

/** COFFRE_S3_SERVER=http://HOST:PORT (keys from AWS_*) adds another server. */
export function s3Scenes(): S3Scene[] {
  const named = process.env['COFFRE_S3_SERVER'];
  return [
    { name: 'versitygw', skip: skipWithoutService('versitygw'), start: () => startVersityGateway() },
    { name: 'radosgw', skip: skipWithoutService('radosgw'), hasVirtualHosts: true, start: () => startRadosGateway() },
    ...(named === undefined ? [] : [{ name: named, skip: false as const, start: async () => namedServer(named) }]),
  ];
}

function namedServer(origin: string): S3Server {
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = process.env;
  return { origin, environment: { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }, async [Symbol.asyncDispose]() {} };
}
