import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import packageFile from '../../package.json' with { type: 'json' };

export const version: string = packageFile.version;
/** As snapshots carry it. */
export const programVersion = `coffre ${version}`;

export function defineVersion(command: Command, cli: Cli): void {
  command.action(() => {
    const printer = cli.printer();
    const node = process.version.slice(1);
    if (printer.json) {
      printer.message({
        message_type: 'version',
        version,
        go_version: '',
        go_os: process.platform,
        go_arch: process.arch === 'x64' ? 'amd64' : process.arch,
        program: 'coffre',
        node_version: node,
      });
    } else printer.always(`coffre ${version} on Node ${node}, ${process.platform}/${process.arch}`);
  });
}
