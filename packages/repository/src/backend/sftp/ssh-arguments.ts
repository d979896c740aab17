import { CoffreError } from '../../errors.ts';
import { commandWords } from '../command-words.ts';

export type SshArguments = {
  /** Settings by their names in ssh_config, in the order given. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** `-F`: read instead of the files of user and machine. */
  readonly configFile?: string;
};

/** Flags of ssh that name a setting of its configuration. */
const settingOf: Readonly<Record<string, string>> = { p: 'Port', i: 'IdentityFile', l: 'User', J: 'ProxyJump' };
/** What they ask for changes nothing here. */
const withoutEffect = /^-[46aCkqTvxX]+$/;

/** The arguments that restic hands to ssh with `-o sftp.args=…`. @throws {CoffreError} USAGE */
export function parseSshArguments(line: string): SshArguments {
  const settings: (readonly [string, string])[] = [];
  let configFile: string | undefined;
  const words = commandWords(line, '-o sftp.args');
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const flag = /^-([pilJoF])(.*)$/s.exec(word);
    if (flag === null) {
      if (withoutEffect.test(word)) continue;
      throw refused(`-o sftp.args=${word} is not understood`);
    }
    const [, letter = '', attached = ''] = flag;
    const value = attached === '' ? words[(at += 1)] : attached;
    if (value === undefined) throw refused(`-o sftp.args: -${letter} needs a value`);
    if (letter === 'F') configFile = value;
    else settings.push(letter === 'o' ? parseSetting(value) : [settingOf[letter] ?? letter, value]);
  }
  return { settings, ...(configFile === undefined ? {} : { configFile }) };
}

function parseSetting(text: string): readonly [string, string] {
  const match = /^\s*([A-Za-z0-9]+)\s*(?:=|\s)\s*(.*)$/s.exec(text);
  if (match === null) throw refused(`-o sftp.args: -o ${text} is no setting`);
  return [match[1] ?? '', match[2] ?? ''];
}

function refused(message: string): CoffreError {
  return new CoffreError('USAGE', message, {
    hint: 'It takes -p, -i, -l, -J, -F and -o Name=value; to run ssh itself, use `-o sftp.command="ssh … user@host -s sftp"`.',
  });
}
