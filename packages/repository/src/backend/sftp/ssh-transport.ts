import { CoffreError } from '../../errors.ts';
import type { SftpTransport } from './sftp-transport.ts';
import { connectSsh } from './ssh-connection.ts';
import type { SshConnection } from './ssh-connection.ts';
import type { SshArguments } from './ssh-arguments.ts';
import { noArguments, resolveSshTarget } from './ssh-target.ts';
import type { SshLogin, SshSurroundings, SshTarget } from './ssh-target.ts';

export type SshTransportOptions = {
  readonly login: SshLogin;
  readonly given: SshArguments;
  readonly around: SshSurroundings;
  readonly stuckTimeoutMs: number;
  /** The server has been reached before: that it cannot be now will pass. */
  readonly again: boolean;
};

const jumpsMax = 8;

/** Connects to the server, through its jump hosts where it has some. Each of them has to be known. */
export async function sshTransport(options: SshTransportOptions): Promise<SftpTransport> {
  const { login, given, around, stuckTimeoutMs, again } = options;
  const way = planWay(resolveSshTarget(login, given, around), around);
  const connections: SshConnection[] = [];
  const close = async (): Promise<void> => {
    for (const connection of connections.toReversed()) await connection.close();
  };
  try {
    for (const target of way) {
      const before = connections.at(-1);
      const through = await before?.openForward(target.hostName, target.port);
      connections.push(
        await connectSsh({ target, stuckTimeoutMs, again, ...(through === undefined ? {} : { through }) }),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  const last = connections.at(-1);
  return {
    get ended() {
      return connections.some((connection) => connection.ended);
    },
    openChannel() {
      if (last === undefined) throw new CoffreError('INTERNAL', 'a way without a server');
      return last.openSftp();
    },
    close,
  };
}

/** The servers to connect to one through the other, the last being where we want to go. */
function planWay(target: SshTarget, around: SshSurroundings, depth = 0): SshTarget[] {
  const [first, ...others] = target.jumps;
  if (first === undefined) return [target];
  if (depth >= jumpsMax)
    throw new CoffreError('USAGE', `the way to ${target.hostName} has too many jumps, or leads in a circle`);
  const nearest = planWay(resolveSshTarget(first, noArguments, around), around, depth + 1);
  return [...nearest, ...others.map((jump) => resolveSshTarget(jump, noArguments, around)), target];
}
