/** All files of a kind, a thousand to an answer. */
import type { ListObjectsCommandOutput, ListObjectsV2CommandOutput, _Object } from '@aws-sdk/client-s3';
import { CoffreError, isCoffreError } from '../../errors.ts';
import type { FileKind, ListedFile } from '../backend.ts';
import type { S3Caller } from './s3-client.ts';
import { keyPrefixOf, nameInKey } from './s3-location.ts';

export async function* listObjects(s3: S3Caller, kind: FileKind): AsyncGenerator<ListedFile> {
  try {
    for await (const { Key, Size, LastModified } of objectPages(s3, kind)) {
      const name = Key === undefined ? undefined : nameInKey(s3.location, kind, Key);
      if (name === undefined || Size === undefined) continue;
      yield { name, sizeBytes: Size, ...(LastModified === undefined ? {} : { storedMs: LastModified.getTime() }) };
    }
  } catch (error) {
    // A bucket that was never there holds nothing; one that vanished must not look like an empty repository.
    if (s3.worked() || !isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
  }
}

async function* objectPages(s3: S3Caller, kind: FileKind): AsyncGenerator<_Object> {
  const { sdk, location, settings } = s3;
  const what = `listing ${kind}`;
  const input = { Bucket: location.bucket, Prefix: keyPrefixOf(location, kind), EncodingType: 'url' } as const;
  let place: string | undefined;
  for (;;) {
    const from = place;
    const answer: ListObjectsCommandOutput | ListObjectsV2CommandOutput = await s3.call(
      what,
      undefined,
      async ({ client, signal: abortSignal }) =>
        settings.listsV1
          ? client.send(new sdk.ListObjectsCommand({ ...input, ...(from && { Marker: from }) }), { abortSignal })
          : client.send(new sdk.ListObjectsV2Command({ ...input, ...(from && { ContinuationToken: from }) }), {
              abortSignal,
            }),
    );
    const decode = answer.EncodingType === 'url' ? decodeKey : (key: string): string => key;
    const objects = (answer.Contents ?? []).map((one) =>
      one.Key === undefined ? one : Object.assign(one, { Key: decode(one.Key) }),
    );
    yield* objects;
    if (answer.IsTruncated !== true) return;
    place = nextPlace(answer, decode, objects.at(-1)?.Key);
    if (place === undefined || place === from) throw endlessList(what);
  }
}

function nextPlace(
  answer: ListObjectsCommandOutput | ListObjectsV2CommandOutput,
  decode: (key: string) => string,
  lastKey: string | undefined,
): string | undefined {
  if ('NextContinuationToken' in answer) return answer.NextContinuationToken;
  const { NextMarker } = answer as ListObjectsCommandOutput;
  return NextMarker === undefined ? lastKey : decode(NextMarker);
}

/** A list cut short would look like files that are gone. */
export function endlessList(what: string): CoffreError {
  return new CoffreError('BACKEND_IO', `${what}: the S3 server says there is more and does not give it`, {
    hint: 'Try -o s3.list-objects-v1=true; the server does not keep to the S3 protocol.',
  });
}

/** Foreign keys may hold what XML cannot. @returns the text itself where it was not encoded after all */
export function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}
