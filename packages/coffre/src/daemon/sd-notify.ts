/**
 * Tells systemd how we are, where it asked for it (`Type=notify`). Node has no datagram sockets of the file system, so
 * libc is asked through `node:ffi`; where that is not to be had, the program `systemd-notify` is started instead.
 */
import { spawn } from 'node:child_process';
import type * as FfiModule from 'node:ffi';
import type { DaemonClock } from './daemon-clock.ts';

export type Notifier = Disposable & {
  readonly ready: () => void;
  readonly reloading: () => void;
  readonly stopping: () => void;
};

export type NotifyParts = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: DaemonClock;
  /** How a message gets there; tests hand in their own. */
  readonly send?: (socket: string, message: string) => void;
};

/** They are about us; a run that saw them would speak in our name. */
export const notifyVariables: readonly string[] = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

/** Does nothing where nobody listens. From now on the watchdog is told that our loop goes round. */
export function systemdNotifier({ environment, clock, send = sendDatagram }: NotifyParts): Notifier {
  const socket = environment['NOTIFY_SOCKET'];
  const tell = (message: string): void => {
    if (socket !== undefined && socket !== '') send(socket, message);
  };
  let timer: Disposable | undefined;
  const everyMs = watchdogMs(environment);
  const beat = (): void => {
    tell('WATCHDOG=1');
    if (everyMs !== undefined) timer = clock.after(everyMs, beat);
  };
  if (everyMs !== undefined) timer = clock.after(everyMs, beat);
  return {
    ready: () => tell(`READY=1\nMAINPID=${process.pid}`),
    reloading: () => tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping: () => tell('STOPPING=1'),
    [Symbol.dispose]: () => timer?.[Symbol.dispose](),
  };
}

/** Twice as often as it is wanted. */
function watchdogMs(environment: NotifyParts['environment']): number | undefined {
  const microseconds = Number(environment['WATCHDOG_USEC']);
  const pid = environment['WATCHDOG_PID'];
  if (!Number.isFinite(microseconds) || microseconds <= 0 || (pid !== undefined && Number(pid) !== process.pid))
    return undefined;
  return Math.max(10, microseconds / 2000);
}

const calls = {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  sendto: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'], return: 'i64' },
  close: { arguments: ['i32'], return: 'i32' },
} as const satisfies FfiModule.FunctionDefinitions;

const unixFamily = 1;
const datagramCloseOnExec = 2 | 0o2_000_000;
const noSignal = 0x4000;

function sendDatagram(socket: string, message: string): void {
  try {
    const { functions } = process.getBuiltinModule('node:ffi').dlopen(null, calls);
    const handle = functions.socket(unixFamily, datagramCloseOnExec, 0);
    const text = Buffer.from(message);
    const address = socketAddress(socket);
    const sent = functions.sendto(handle, text, BigInt(text.byteLength), noSignal, address, address.byteLength);
    functions.close(handle);
    if (Number(sent) === text.byteLength) return;
  } catch {
    // No such module, or it may not be used here.
  }
  startNotifyProgram(socket, message);
}

/** `sockaddr_un`: the family in two bytes, the path; an abstract one begins with a zero that is written `@`. */
export function socketAddress(socket: string): Buffer {
  const path = Buffer.from(socket.startsWith('@') ? `\0${socket.slice(1)}` : `${socket}\0`);
  const family = Buffer.alloc(2);
  new DataView(family.buffer, family.byteOffset).setUint16(0, unixFamily, littleEndian);
  return Buffer.concat([family, path]);
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function startNotifyProgram(socket: string, message: string): void {
  const environment = { PATH: process.env['PATH'], NOTIFY_SOCKET: socket };
  const child = spawn('systemd-notify', message.split('\n'), { env: environment, stdio: 'ignore' });
  child.on('error', () => undefined);
}
