import { fileName } from '../backend/backend.ts';
import type { Backend, FileHandle, FileKind } from '../backend/backend.ts';
import type { BackendOperation } from '../backend/counting.ts';
import { CoffreError } from '../errors.ts';
import type { Clock } from '../host/host.ts';
import { createSeededRandom } from './seeded-random.ts';

/**
 * What can be made to happen at a call:
 * - `fail`: it rejects and did nothing. `lose-answer`: it did its work, and rejects.
 * - `crash`: it did nothing, and from now on everything rejects. `crash-after`: the same once it did its work.
 * - `flip-bit`: a load gives one wrong bit. `truncate`: a load gives fewer bytes than asked, and says nothing.
 * - `delay`: it comes late.
 */
export type Fault =
  | { readonly kind: 'fail' | 'lose-answer'; readonly error?: CoffreError }
  | { readonly kind: 'crash' | 'crash-after' | 'flip-bit' | 'truncate' }
  | { readonly kind: 'delay'; readonly delayMs: number };

export type BackendCall = {
  /** 0 for the first call. */
  readonly index: number;
  readonly operation: BackendOperation;
  readonly kind: FileKind | 'config';
  /** As `index/<id>`; only the kind for a list. */
  readonly name: string;
};

export type FaultPlan = (call: BackendCall) => Fault | undefined;

export type FaultyBackend = Backend & {
  /** Every call so far, also those that were made to fail. */
  readonly calls: readonly BackendCall[];
  crashed(): boolean;
};

export type FaultOptions = { seed?: number; clock?: Clock };

/** Only `calls` that `matches` count. */
export function atCall(index: number, fault: Fault, matches: (call: BackendCall) => boolean = () => true): FaultPlan {
  let seen = 0;
  return (call) => {
    if (!matches(call)) return undefined;
    seen += 1;
    return seen === index + 1 ? fault : undefined;
  };
}

export function atEvery(matches: (call: BackendCall) => boolean, fault: Fault): FaultPlan {
  return (call) => (matches(call) ? fault : undefined);
}

/** Each call has one of the faults with this probability. */
export function bySeed(seed: number, probability: number, faults: readonly Fault[]): FaultPlan {
  const random = createSeededRandom(seed);
  return () => (random.chance(probability) ? random.pick(faults) : undefined);
}

export function isWrite(call: BackendCall): boolean {
  return call.operation === 'save' || call.operation === 'remove';
}

/**
 * Runs `body` with the fault at the first matching call, then at the second, … until it makes no such call any more.
 * Resolves to how many places there were.
 */
export async function atEachCall(
  fault: Fault,
  matches: (call: BackendCall) => boolean,
  body: (plan: FaultPlan, index: number) => Promise<void>,
): Promise<number> {
  for (let index = 0; ; index += 1) {
    let met = false;
    const plan = atCall(index, fault, matches);
    await body((call) => {
      const found = plan(call);
      met ||= found !== undefined;
      return found;
    }, index);
    if (!met) return index;
  }
}

export function withFaults(backend: Backend, plan: FaultPlan, options: FaultOptions = {}): FaultyBackend {
  const random = createSeededRandom(options.seed ?? 1);
  const calls: BackendCall[] = [];
  let crashed = false;

  function crash(): CoffreError {
    crashed = true;
    return new CoffreError('BACKEND_IO', 'the program was killed here (injected)');
  }

  async function call<T>(operation: BackendOperation, file: FileHandle | FileKind, work: () => Promise<T>): Promise<T> {
    const fault = meet(operation, file);
    if (fault === undefined) return work();
    switch (fault.kind) {
      case 'fail':
        throw fault.error ?? injected(operation);
      case 'crash':
        throw crash();
      case 'lose-answer':
        await work();
        throw fault.error ?? injected(operation);
      case 'crash-after':
        await work();
        throw crash();
      case 'flip-bit':
      case 'truncate':
        return damaged(await work(), fault.kind);
      case 'delay':
        await options.clock?.sleep(fault.delayMs);
        return work();
      default:
        return fault satisfies never;
    }
  }

  function meet(operation: BackendOperation, file: FileHandle | FileKind): Fault | undefined {
    if (crashed) throw crash();
    const kind = typeof file === 'string' ? file : file.kind;
    const made: BackendCall = {
      index: calls.length,
      operation,
      kind,
      name: typeof file === 'string' ? file : fileName(file),
    };
    calls.push(made);
    return plan(made);
  }

  function damaged<T>(result: T, kind: 'flip-bit' | 'truncate'): T {
    if (!Buffer.isBuffer(result) || result.byteLength === 0) return result;
    if (kind === 'truncate') return result.subarray(0, random.integer(result.byteLength)) as T;
    const at = random.integer(result.byteLength);
    result[at] = (result[at] ?? 0) ^ (1 << random.integer(8));
    return result;
  }

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,
    calls,
    crashed: () => crashed,

    create: () => backend.create(),
    save: (file, parts, signal) => call('save', file, () => backend.save(file, parts, signal)),
    load: (file, loadOptions) => call('load', file, () => backend.load(file, loadOptions)),
    stat: (file) => call('stat', file, () => backend.stat(file)),
    async *list(kind) {
      // One call: what fails is the opening of the list; `lose-answer` breaks it off at its end.
      const files = await call('list', kind, () => Array.fromAsync(backend.list(kind)));
      for (const file of files) {
        if (crashed) throw crash();
        yield file;
      }
    },
    remove: (file) => call('remove', file, () => backend.remove(file)),
    close: () => backend.close(),
  };
}

function injected(operation: BackendOperation): CoffreError {
  return new CoffreError('BACKEND_IO', `${operation} failed (injected)`, { retryable: true });
}
