/** The state that keeps the record: of the configuration of this machine, where there is one, else of the environment. */
import { cwd } from 'node:process';
import { auditPlace, keepsAudit } from './audit-access.ts';
import type { AuditPlace } from './audit-access.ts';
import type { Cli } from './cli.ts';

export type KeptPlace = {
  readonly place: AuditPlace;
  /** Somebody wants a record there. */
  readonly isKept: boolean;
};

/** @param named with `--config` @throws {CoffreError} CONFIG_NOT_FOUND, CONFIG_INVALID, SECRET_UNAVAILABLE, STORE_ADDRESS */
export async function configuredAuditPlace(cli: Cli, named: string | undefined): Promise<KeptPlace> {
  const { findConfigFile } = await import('../config/read/config-files.ts');
  const file = findConfigFile(named, cli.environment, cwd());
  if (file === undefined) return plainAuditPlace(cli);
  const { requireConfigured } = await import('./meant-repositories.ts');
  const { placeOfState } = await import('./configured-state.ts');
  const configured = await requireConfigured(cli, file);
  const place = await placeOfState(cli, configured);
  return { place, isKept: configured.config.store !== undefined || keepsAudit(cli, place) };
}

export function plainAuditPlace(cli: Cli): KeptPlace {
  const place = auditPlace(cli);
  return { place, isKept: keepsAudit(cli, place) };
}
