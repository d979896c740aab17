/** Rows as runs leave them, for tests: through the functions of the state, at times that are told. */
import { recordVerification } from '../../store/verifications.ts';
import type { Verification } from '../../store/verifications.ts';
import { endRun, startRun } from '../../store/runs.ts';
import type { RunEnd, RunKind, RunOutcome } from '../../store/runs.ts';
import type { RunId } from '../../store/tables.ts';
import { openStore } from '../../store/store.ts';
import type { Store } from '../../store/store.ts';
import type { StoreLocation } from '../../store/location.ts';

export type Part = {
  readonly kind: Extract<RunKind, 'source' | 'copy' | 'retention'>;
  readonly source?: string;
  readonly repository: string;
  readonly outcome?: RunOutcome;
  readonly reason?: string;
  readonly code?: string;
  readonly figures?: RunEnd['figures'];
  readonly snapshots?: readonly string[];
};

export type Told = {
  readonly plan: string;
  readonly atMs: number;
  readonly tookMs?: number;
  /** Undefined while it goes on. */
  readonly outcome?: RunOutcome;
  readonly reason?: string;
  readonly trigger?: 'schedule' | 'manual' | 'retry';
  readonly parts?: readonly Part[];
  readonly host?: string;
  readonly pid?: number;
  readonly bootId?: string;
};

/** The clock of the state, which tests set. */
export type SetClock = { atMs: number };

export async function openHistory(place: StoreLocation, clock: SetClock): Promise<Store> {
  return await openStore(place, { clock: { nowNs: () => BigInt(clock.atMs) * 1_000_000n }, ownClock: true });
}

/** Its parts begin and end with it. */
export async function tellRun(store: Store, clock: SetClock, told: Told): Promise<RunId> {
  const { plan, atMs, tookMs = 60_000, outcome, reason, parts = [] } = told;
  const process = { host: told.host ?? 'test', pid: told.pid ?? 4711, bootId: told.bootId ?? 'boot 1' };
  const trigger = told.trigger ?? 'schedule';
  clock.atMs = atMs;
  const id = await startRun(store, { plan, kind: 'backup', trigger, slotAtMs: atMs, ...process });
  const begun: [RunId, Part][] = [];
  for (const part of parts) {
    const { kind, source, repository } = part;
    // A copy reads what its source has saved.
    clock.atMs = kind === 'source' ? atMs : atMs + tookMs / 2;
    const partId = await startRun(store, {
      plan,
      kind,
      trigger,
      ...process,
      repository,
      parent: id,
      ...(source !== undefined && { source }),
    });
    begun.push([partId, part]);
    if (kind === 'source') {
      clock.atMs = atMs + tookMs / 2;
      if (outcome !== undefined) await endRun(store, partId, endOf(part, outcome));
    }
  }
  clock.atMs = atMs + tookMs;
  if (outcome === undefined) return id;
  for (const [partId, part] of begun) await endRun(store, partId, endOf(part, outcome));
  await endRun(store, id, { outcome, ...(reason !== undefined && { reason }) });
  return id;
}

function endOf({ outcome, reason, code, figures, snapshots }: Part, whole: RunOutcome): RunEnd {
  return {
    outcome: outcome ?? whole,
    ...(reason !== undefined && { reason }),
    ...(code !== undefined && { code }),
    ...(figures !== undefined && { figures }),
    ...(snapshots !== undefined && { snapshots }),
  };
}

export async function tellVerification(store: Store, clock: SetClock, atMs: number, fact: Verification): Promise<void> {
  clock.atMs = atMs;
  await recordVerification(store, fact);
}
