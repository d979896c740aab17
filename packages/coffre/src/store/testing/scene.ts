/** For tests of the state on either engine: fresh places, and a clock that stands until it is moved. */
import { openStore } from '../store.ts';
import type { Store } from '../store.ts';
import type { StoreLocation } from '../location.ts';

export type Scene = {
  /** Where nothing is yet. */
  freshPlace(): StoreLocation;
};

export type HandClock = { readonly nowNs: () => bigint; moveMs(durationMs: number): void };

export const sceneStartMs: number = Date.UTC(2026, 7, 20, 14);

export function handClock(): HandClock {
  let nowMs = sceneStartMs;
  return {
    nowNs: () => BigInt(nowMs) * 1_000_000n,
    moveMs: (durationMs) => {
      nowMs += durationMs;
    },
  };
}

export async function openScene(place: StoreLocation, clock: HandClock = handClock()): Promise<Store> {
  return await openStore(place, { clock, ownClock: true });
}
