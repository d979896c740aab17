/** The sheet of paper that opens a backup: what stands on it, and its form as text. */
import { quoteName } from './display.ts';
import { qrLines, qrModules } from './qr-code.ts';

export type RecoverySheet = {
  /** Absolute, without secrets. */
  readonly address: string;
  readonly repositoryId: string;
  readonly key: { readonly id: string; readonly created: string; readonly owner: string };
  readonly password: string;
  /** In local time. */
  readonly madeAt: string;
  readonly madeOn: string;
  /** What the storage wants beside the password, and where it is not: on this sheet. */
  readonly access: string | undefined;
};

export const sheetTitle = 'RECOVERY SHEET';

/** What everybody who finds the sheet must know first. */
export const sheetWarning = [
  'This paper opens the backup: whoever has it can read everything that was ever saved there.',
  'Without it, or the password on it, nobody can, and nobody can make a new one.',
  'Keep it like a passport: printed twice, at two places, neither beside the computer. Take no photograph of it, and',
  'delete the file it was printed from.',
];

export const blankLines = ['Call first', 'Then call', 'The other copy of this sheet is', 'Last restore tried on, by'];

export function sheetFacts({ address, repositoryId, key, madeAt, madeOn }: RecoverySheet): [string, string][] {
  return [
    ['Repository', quoteName(address)],
    ['Repository id', repositoryId],
    ['Key', key.id],
    ['Key made', quoteName(`${key.created} by ${key.owner}`)],
    ['Sheet made', quoteName(`${madeAt} on ${madeOn}`)],
  ];
}

export type ShownPassword = { readonly text: string; readonly note: string };

/** As it is where paper can show it; spaces at the ends and what cannot be seen are said in words. */
export function shownPassword(password: string): ShownPassword {
  const count = Array.from(password).length;
  const quoted = quoteName(password);
  const characters = `${count} ${count === 1 ? 'character' : 'characters'}`;
  if (quoted !== password)
    return { text: quoted, note: `${characters}, written with escapes as in Go; the QR code is exact` };
  const remarks = [
    ...(/^\s|\s$|\s\s/u.test(password) ? ['some of them spaces at an end or side by side'] : []),
    // Without a mark in the code, which readers ignore or show, they guess the character set.
    ...(/^[ -~]*$/.test(password) ? [] : ['compare what a scanner shows with these letters']),
  ];
  return { text: password, note: [characters, ...remarks].join(', ') };
}

export function restoreSteps({ address }: RecoverySheet): { title: string; commands: string[] }[] {
  const steps = (program: string, restore: string): string[] => [
    `export RESTIC_REPOSITORY=${quoteWord(address)}`,
    `${program} snapshots`,
    `${program} restore latest --target /tmp/restored${restore}`,
  ];
  return [
    { title: 'Restore with Coffre', commands: steps('coffre', ' --verify') },
    { title: 'Restore with restic 0.14 or later, from restic.net', commands: steps('restic', '') },
  ];
}

/** For a shell. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** @param coloured black on white, whatever the colours of the terminal are */
export function sheetText(sheet: RecoverySheet, { coloured = false }: { readonly coloured?: boolean } = {}): string {
  const facts = sheetFacts(sheet);
  const { text, note } = shownPassword(sheet.password);
  const modules = qrModules(sheet.password);
  const code = modules === undefined ? ['(too long for a QR code)'] : qrLines(modules);
  const steps = restoreSteps(sheet).flatMap(({ title, commands }) => [
    '',
    `${title}:`,
    ...commands.map((command) => `    ${command}`),
  ]);
  return [
    `COFFRE ${sheetTitle}`,
    '',
    ...sheetWarning,
    '',
    ...facts.map(([name, value]) => `${`${name}:`.padEnd(16)}${value}`),
    '',
    `Password (${note}):`,
    '',
    `    ${text}`,
    '',
    ...code.map((line) => (coloured && modules !== undefined ? `\x1b[30;107m${line}\x1b[0m` : line)),
    ...steps,
    '',
    'Both ask for the password. Then look into /tmp/restored before anything is moved back.',
    ...(sheet.access === undefined ? [] : [sheet.access]),
    '',
    ...blankLines.flatMap((line) => [`${line}: ${'_'.repeat(74 - line.length)}`, '']),
  ].join('\n');
}
