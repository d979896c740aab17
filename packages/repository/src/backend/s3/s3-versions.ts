/**
 * A bucket as it was at a time T: of each key the newest version that is not younger than T, unless it was deleted by
 * then. What happened later, delete markers and overwritten names alike, does not matter.
 */
import type { ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3';
import { CoffreError } from '../../errors.ts';
import { fileName } from '../backend.ts';
import type { FileHandle, FileKind, ListedFile } from '../backend.ts';
import type { S3Caller } from './s3-client.ts';
import { decodeKey, endlessList } from './s3-list.ts';
import { keyOf, keyPrefixOf, nameInKey } from './s3-location.ts';

export type PastVersion = { readonly versionId: string; readonly sizeBytes: number; readonly storedMs: number };

export type PastView = {
  /** @throws {CoffreError} BACKEND_NOT_FOUND when it was not there then */
  find(file: FileHandle): Promise<PastVersion>;
  list(kind: FileKind): AsyncGenerator<ListedFile>;
};

/** `version` absent: a delete marker. */
export type VersionEvent = { readonly key: string; readonly atMs: number; readonly version: PastVersion | undefined };

export function createPastView(s3: S3Caller, asOfMs: number): PastView {
  const known = new Map<string, PastVersion>();

  return {
    async find(file) {
      const key = keyOf(s3.location, file);
      const version = known.get(key) ?? (await viewOf(s3, key, asOfMs)).get(key);
      if (version === undefined) {
        const then = new Date(asOfMs).toISOString();
        throw new CoffreError('BACKEND_NOT_FOUND', `${fileName(file)} was not in the bucket at ${then}`, {
          hint: 'Give a later time with -o s3.as-of, or check the prefix in the address.',
        });
      }
      known.set(key, version);
      return version;
    },

    async *list(kind) {
      for (const [key, version] of await viewOf(s3, keyPrefixOf(s3.location, kind), asOfMs)) {
        const name = nameInKey(s3.location, kind, key);
        if (name === undefined) continue;
        known.set(key, version);
        yield { name, sizeBytes: version.sizeBytes, storedMs: version.storedMs };
      }
    },
  };
}

async function viewOf(s3: S3Caller, prefix: string, asOfMs: number): Promise<Map<string, PastVersion>> {
  const newest = new Map<string, VersionEvent>();
  for await (const event of versionEvents(s3, prefix)) {
    const before = newest.get(event.key);
    if (event.atMs <= asOfMs && (before === undefined || supersedes(event, before))) newest.set(event.key, event);
  }
  const view = new Map<string, PastVersion>();
  for (const [key, { version }] of newest) if (version !== undefined) view.set(key, version);
  return view;
}

/**
 * `before` came earlier in a list that gives the newest first. Most servers give times to the second, some only those
 * of markers more exactly: of a version and a marker in the same second, the version is shown.
 */
export function supersedes(event: VersionEvent, before: VersionEvent): boolean {
  const [second, secondBefore] = [event, before].map(({ atMs }) => Math.floor(atMs / 1000)) as [number, number];
  if (second !== secondBefore) return second > secondBefore;
  return event.version !== undefined && before.version === undefined;
}

/** Newest first within a key, as servers give them. */
async function* versionEvents(s3: S3Caller, prefix: string): AsyncGenerator<VersionEvent> {
  let place: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (;;) {
    const from = place;
    const answer = await s3.call('listing versions', undefined, ({ client, signal: abortSignal }) => {
      const input = { Bucket: s3.location.bucket, Prefix: prefix, EncodingType: 'url', ...from } as const;
      return client.send(new s3.sdk.ListObjectVersionsCommand(input), { abortSignal });
    });
    const decode = answer.EncodingType === 'url' ? decodeKey : (key: string): string => key;
    yield* eventsIn(answer, decode);
    if (answer.IsTruncated !== true) return;
    const { NextKeyMarker, NextVersionIdMarker } = answer;
    if (NextKeyMarker === undefined) throw endlessList('listing versions');
    place = {
      KeyMarker: decode(NextKeyMarker),
      ...(NextVersionIdMarker === undefined ? {} : { VersionIdMarker: NextVersionIdMarker }),
    };
    const stays = place.KeyMarker === from.KeyMarker && place.VersionIdMarker === from.VersionIdMarker;
    if (stays) throw endlessList('listing versions');
  }
}

function* eventsIn(answer: ListObjectVersionsCommandOutput, decode: (key: string) => string): Generator<VersionEvent> {
  for (const { Key, VersionId, Size, LastModified } of answer.Versions ?? []) {
    if (Key === undefined || LastModified === undefined) continue;
    const storedMs = storedAt(VersionId, LastModified.getTime());
    const version = { versionId: VersionId ?? 'null', sizeBytes: Size ?? 0, storedMs };
    yield { key: decode(Key), atMs: storedMs, version };
  }
  for (const { Key, VersionId, LastModified } of answer.DeleteMarkers ?? []) {
    if (Key === undefined || LastModified === undefined) continue;
    yield { key: decode(Key), atMs: storedAt(VersionId, LastModified.getTime()), version: undefined };
  }
}

const ulidDigits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * versitygw gives versions the time at which they were superseded, and markers that of what they hide. Its ids are
 * ULIDs, whose first ten digits are the milliseconds of their making.
 */
export function storedAt(versionId: string | undefined, modifiedMs: number): number {
  if (versionId === undefined || !/^0[0-9A-HJKMNP-TV-Z]{25}$/.test(versionId)) return modifiedMs;
  let madeMs = 0;
  for (const digit of versionId.slice(0, 10)) madeMs = madeMs * 32 + ulidDigits.indexOf(digit);
  return madeMs;
}
