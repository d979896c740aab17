/**
 * Where the keys come from, in restic's order: the environment that was handed in; then shared files, single sign-on,
 * web identity, container and instance roles, which the SDK finds.
 */
import { CoffreError } from '../../errors.ts';
import type { StorageOptions } from '../storage-options.ts';

export type S3Keys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };

export type S3Credentials =
  | { readonly kind: 'keys'; readonly keys: S3Keys }
  /** To be looked up by the SDK, in this profile of these files. */
  | { readonly kind: 'chain'; readonly profile: string; readonly filepath?: string; readonly configFilepath?: string };

/** @throws {CoffreError} USAGE when one half of a pair is missing */
export function findCredentials(environment: NonNullable<StorageOptions['environment']>): S3Credentials {
  const text = (name: string): string | undefined => environment[name] || undefined;
  if (text('RESTIC_AWS_ASSUME_ROLE_ARN') !== undefined) {
    throw new CoffreError('NOT_BUILT_YET', 'RESTIC_AWS_ASSUME_ROLE_ARN is not built yet', {
      hint: 'Put role_arn and source_profile into a profile of ~/.aws/config and name it in AWS_PROFILE.',
    });
  }
  const keys =
    pair(text, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY') ??
    pair(text, 'MINIO_ROOT_USER', 'MINIO_ROOT_PASSWORD') ??
    pair(text, 'MINIO_ACCESS_KEY', 'MINIO_SECRET_KEY');
  if (keys !== undefined) {
    const token = text('AWS_SESSION_TOKEN');
    return { kind: 'keys', keys: token === undefined ? keys : { ...keys, sessionToken: token } };
  }
  const [filepath, configFilepath] = [text('AWS_SHARED_CREDENTIALS_FILE'), text('AWS_CONFIG_FILE')];
  return {
    kind: 'chain',
    // Always named: otherwise the SDK would look for keys in the process's own environment.
    profile: text('AWS_PROFILE') ?? text('AWS_DEFAULT_PROFILE') ?? 'default',
    ...(filepath === undefined ? {} : { filepath }),
    ...(configFilepath === undefined ? {} : { configFilepath }),
  };
}

function pair(text: (name: string) => string | undefined, idName: string, secretName: string): S3Keys | undefined {
  const [accessKeyId, secretAccessKey] = [text(idName), text(secretName)];
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
  const [there, missing] = accessKeyId === undefined ? [secretName, idName] : [idName, secretName];
  throw new CoffreError('USAGE', `no credentials found. $${there} is set but $${missing} is empty`, {
    hint: `Set both, or neither to use the files in ~/.aws.`,
  });
}
