/**
 * Addresses as restic writes them: `s3:HOST[:PORT]/BUCKET[/PREFIX]`, `s3:http(s)://HOST[:PORT]/BUCKET[/PREFIX]`,
 * `s3://HOST/BUCKET[/PREFIX]`; and restic's layout below the prefix:
 * `config`, `keys/ID`, `locks/ID`, `snapshots/ID`, `index/ID`, `data/<first two digits>/ID`.
 */
import { CoffreError } from '../../errors.ts';
import { isId } from '../../ids.ts';
import { fileName } from '../backend.ts';
import type { FileHandle, FileKind } from '../backend.ts';

export type S3Location = {
  readonly kind: 's3';
  readonly protocol: 'http' | 'https';
  /** With its port, where one is given. */
  readonly host: string;
  readonly bucket: string;
  /** Without slashes at its ends; empty for the bucket itself. */
  readonly prefix: string;
};

/** @param address what follows `s3:` @throws {CoffreError} BACKEND_URL */
export function parseS3Location(address: string): S3Location {
  const scheme = /^(https?):\/\//i.exec(address)?.[1];
  const protocol = scheme?.toLowerCase() === 'http' ? 'http' : 'https';
  const rest = scheme === undefined ? address.replace(/^\/\//, '') : address.slice(scheme.length + 3);
  const [host = '', bucket = '', ...below] = rest.split('/');
  const prefix = below.filter((part) => part !== '' && part !== '.').join('/');
  // The text stays out of the messages: it may hold a secret.
  if (rest.includes('@')) throw badAddress('the s3: address holds credentials, which do not belong there');
  if (/[?#\s\0]/.test(rest)) throw badAddress('the s3: address holds a character that cannot be there');
  if (host === '') throw badAddress('the s3: address names no server');
  if (!URL.canParse(`${protocol}://${host}/`)) throw badAddress('the server in the s3: address cannot be understood');
  if (bucket === '') throw badAddress('the s3: address names no bucket');
  if (prefix.split('/').includes('..')) throw badAddress('the prefix in the s3: address leads upwards');
  return { kind: 's3', protocol, host, bucket, prefix };
}

function badAddress(message: string): CoffreError {
  return new CoffreError('BACKEND_URL', message, {
    hint: 'Write s3:https://HOST/BUCKET/PREFIX, and put the keys into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  });
}

export function describeS3(location: S3Location): string {
  return `s3:${endpointOf(location)}/${[location.bucket, location.prefix].filter((part) => part !== '').join('/')}`;
}

export function endpointOf({ protocol, host }: S3Location): string {
  return `${protocol}://${host}`;
}

/** The host is one of Amazon's own, whose endpoints follow from the region. */
export function isAmazon({ host }: S3Location): boolean {
  return /^s3([.-][a-z0-9-]+)*\.amazonaws\.com(\.cn)?$/i.test(host);
}

/** `eu-west-1` of `s3.eu-west-1.amazonaws.com`. */
export function regionInHost({ host }: S3Location): string | undefined {
  const region = /^s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/i.exec(host)?.[1];
  return region?.toLowerCase();
}

export function keyOf(location: S3Location, file: FileHandle): string {
  const name = fileName(file);
  if (file.kind !== 'data') return below(location, name);
  return below(location, `data/${file.name.slice(0, 2)}/${file.name}`);
}

/** What all keys of a kind begin with. */
export function keyPrefixOf(location: S3Location, kind: FileKind): string {
  return below(location, `${kind}/`);
}

/** The name of the file at a key; undefined for what is none of the repository's own. */
export function nameInKey(location: S3Location, kind: FileKind, key: string): string | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return isId(name) && keyOf(location, { kind, name }) === key ? name : undefined;
}

function below({ prefix }: S3Location, name: string): string {
  return prefix === '' ? name : `${prefix}/${name}`;
}
