/** A stand-in for systemd: a datagram socket in a folder, read through libc as it is written. */
import assert from 'node:assert/strict';
import type * as FfiModule from 'node:ffi';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { DaemonClock } from './daemon-clock.ts';
import { notifyVariables, socketAddress, systemdNotifier } from './sd-notify.ts';

const calls = {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
  close: { arguments: ['i32'], return: 'i32' },
} as const satisfies FfiModule.FunctionDefinitions;

function ffi(): typeof FfiModule | undefined {
  try {
    return process.getBuiltinModule('node:ffi');
  } catch {
    return undefined;
  }
}

function fakeSystemd(t: TestContext, path: string): () => string {
  const { functions } = ffi()!.dlopen(null, calls);
  const handle = functions.socket(1, 2, 0);
  const address = socketAddress(path);
  assert.equal(functions.bind(handle, address, address.byteLength), 0);
  t.after(() => functions.close(handle));
  return () => {
    const buffer = Buffer.alloc(4096);
    const size = Number(functions.recv(handle, buffer, 4096n, 0x40));
    return size < 0 ? '' : buffer.toString('utf8', 0, size);
  };
}

/** Timers that only fire when told. */
function handClock(): DaemonClock & { fire(): void; delays: number[] } {
  let next: (() => void) | undefined;
  const delays: number[] = [];
  return {
    delays,
    now: () => ({ wallMs: 0, monotonicMs: 0 }),
    after: (delayMs, call) => {
      delays.push(delayMs);
      next = call;
      return { [Symbol.dispose]: () => (next = undefined) };
    },
    fire: () => next?.(),
  };
}

for (const kind of ['a path', 'an abstract name'] as const) {
  test(`systemd is told on ${kind} what it asked for`, { skip: ffi() === undefined && 'needs node:ffi' }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-notify-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = kind === 'a path' ? join(folder, 'notify') : `@coffre-${folder}`;
    const receive = fakeSystemd(t, path);
    const clock = handClock();
    using notifier = systemdNotifier({ environment: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '30000000' }, clock });
    notifier.ready();
    assert.match(receive(), /^READY=1\nMAINPID=\d+$/);
    notifier.reloading();
    assert.match(receive(), /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    clock.fire();
    assert.equal(receive(), 'WATCHDOG=1');
    assert.deepEqual(clock.delays, [15_000, 15_000]);
    notifier.stopping();
    assert.equal(receive(), 'STOPPING=1');
  });
}

test('where nobody listens nothing is sent, and a watchdog of another process is not ours', () => {
  const clock = handClock();
  const sent: string[] = [];
  const send = (_: string, message: string): void => void sent.push(message);
  systemdNotifier({ environment: {}, clock, send }).ready();
  systemdNotifier({ environment: { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }, clock, send });
  assert.deepEqual([sent, clock.delays], [[], []]);
  assert.ok(notifyVariables.includes('NOTIFY_SOCKET'));
});
