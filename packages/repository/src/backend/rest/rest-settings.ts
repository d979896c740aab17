/** The settings that REST and rclone share, from options to values. */
import { CoffreError } from '../../errors.ts';
import type { StorageOptions } from '../storage-options.ts';

/** As restic has them. */
const connectionsDefault = 5;
const stuckDefaultMs = 5 * 60_000;

/** `-o rest.connections=N` beats the general one. @throws {CoffreError} USAGE */
export function connectionsOf(scheme: 'rest' | 'rclone', options: StorageOptions): number {
  const text = options.extended?.get(`${scheme}.connections`);
  if (text === undefined) return options.connectionsMax ?? connectionsDefault;
  const connections = Number(text);
  if (Number.isInteger(connections) && connections >= 1 && connections <= 1000) return connections;
  throw new CoffreError('USAGE', `-o ${scheme}.connections is ${JSON.stringify(text)}, not a number from 1 to 1000`, {
    hint: `Write -o ${scheme}.connections=${connectionsDefault}.`,
  });
}

export function stuckMsOf(options: StorageOptions): number {
  return options.stuckRequestTimeoutMs ?? stuckDefaultMs;
}

export function userAgentOf(options: StorageOptions): string {
  return options.userAgent ?? 'coffre';
}
