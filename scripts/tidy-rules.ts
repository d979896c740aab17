/** The rules of the house that neither the compiler nor the linter knows. Pure: texts in, violations out. */
import { posix } from 'node:path';
import { forbiddenDirection, reachesOutside } from './tidy-layers.ts';

export type SourceFile = {
  /** Relative to the project's folder, with `/`. */
  readonly path: string;
  readonly text: string;
};

export type Violation = { readonly path: string; readonly line: number; readonly rule: string; readonly text: string };

type Found = { readonly line: number; readonly text: string };
type Rule = { readonly name: string; readonly find: (file: SourceFile) => Found[] };

const linesMax = 400;
const vagueNames = /^(utils?|helpers?|manager|misc|common|shared|stuff)$/;

const rules: readonly Rule[] = [
  { name: 'direction', find: findDirections },
  { name: 'pure', find: findOutsideReach },
  { name: 'door', find: findSideDoors },
  { name: 'import-ending', find: findWrongEndings },
  {
    name: 'exit',
    find: (file) =>
      // Tests write down small programs of their own, which may end as they like.
      file.path === 'packages/coffre/src/main.ts' || isTest(file) || file.path.startsWith('test/')
        ? []
        : findLines(
            file,
            /\bprocess\.(exit|reallyExit|abort)\(/,
            'only packages/coffre/src/main.ts may end the process',
          ),
  },
  {
    name: 'default-export',
    find: (file) => findLines(file, /^export (default\b|\{[^}]*\bas default\b)/, 'export it by its name'),
  },
  {
    name: 'module-state',
    find: (file) =>
      isTest(file)
        ? []
        : findLines(file, /^(export )?(let|var)\b/, 'module-level state; hand it in, or keep it in an object'),
  },
  { name: 'length', find: findLength },
  { name: 'name', find: findVagueNames },
  {
    name: 'leftover',
    find: (file) =>
      findLines(file, /\b(TO[D]O|FIX[M]E|X{3}|HA[C]K)\b|^\s*debugger;/, 'finish it, or write down the reason'),
  },
  {
    name: 'focus',
    find: (file) =>
      isTest(file)
        ? findLines(file, /\b(test|it|describe|suite|t)\.only\(|\bonly: true/, 'runs one test and hides the others')
        : [],
  },
  {
    name: 'skip',
    find: (file) =>
      isTest(file)
        ? findLines(
            file,
            /\b(test|it|describe|suite)\.(skip|todo)\(|\b(skip|todo): true/,
            "give the reason: { skip: 'why' }",
          )
        : [],
  },
];

export function checkFiles(files: readonly SourceFile[]): Violation[] {
  return files.flatMap((file) =>
    rules.flatMap((rule) => rule.find(file).map((found) => ({ path: file.path, rule: rule.name, ...found }))),
  );
}

export function formatViolation(violation: Violation): string {
  return `${violation.path}:${violation.line}: ${violation.text} [${violation.rule}]`;
}

type Import = { readonly line: number; readonly specifier: string; readonly typeOnly: boolean };

/** `import … from`, `export … from`, `import '…'`, `import('…')`, over several lines too; not inside comments. */
export function findImports(text: string): Import[] {
  const code = blankComments(text);
  const found: Import[] = [];
  const statement =
    /^(?:import|export)\b(?<type>\s+type\b(?!\s*(?:,|from\b)))?[^;'"]*?(?:\bfrom\s*)?(?<quote>['"])(?<specifier>[^'"]+)\k<quote>/gm;
  for (const match of code.matchAll(statement)) {
    const clause = match[0];
    if (!/\bfrom\s*['"]/.test(clause) && !/^import\s*['"]/.test(clause)) continue;
    found.push({
      line: lineAt(code, match.index),
      specifier: match.groups!['specifier']!,
      typeOnly: match.groups!['type'] !== undefined || everyNameIsType(clause),
    });
  }
  for (const match of code.matchAll(/(?:\btypeof\s+)?\bimport\(\s*(['"])([^'"]+)\1/g)) {
    found.push({ line: lineAt(code, match.index), specifier: match[2]!, typeOnly: match[0].startsWith('typeof') });
  }
  return found;
}

/** `import { type A, type B } from …` erases as wholly as `import type`. */
function everyNameIsType(clause: string): boolean {
  const names = /^(?:import|export)\s*\{([^}]*)\}/
    .exec(clause)?.[1]
    ?.split(',')
    .map((name) => name.trim());
  return names !== undefined && names.filter((name) => name !== '').every((name) => name.startsWith('type '));
}

function findDirections(file: SourceFile): Found[] {
  if (isTest(file) || !file.path.startsWith('packages/')) return [];
  return relativeImports(file).flatMap(({ line, target, typeOnly }) => {
    const reason = forbiddenDirection({ from: file.path, to: target, typeOnly });
    return reason === undefined ? [] : [{ line, text: reason }];
  });
}

function findOutsideReach(file: SourceFile): Found[] {
  if (isTest(file)) return [];
  return findImports(file.text)
    .filter((found) => reachesOutside(file.path, found.specifier))
    .map((found) => ({
      line: found.line,
      text: `this layer works on bytes it is given and may not import ${found.specifier}`,
    }));
}

/** Outsiders know the door of the library, the small one beside it that opens faster, and for tests the testing one. */
function findSideDoors(file: SourceFile): Found[] {
  if (file.path.startsWith('packages/repository/')) return [];
  return findImports(file.text).flatMap(({ line, specifier }) => {
    if (!specifier.startsWith('@coffre/repository/') || specifier === '@coffre/repository/opening') return [];
    const mayTest = isTest(file) || file.path.includes('/testing/') || !file.path.startsWith('packages/');
    if (specifier === '@coffre/repository/testing' && mayTest) return [];
    return [{ line, text: `import '@coffre/repository', the door, not ${specifier}` }];
  });
}

function findWrongEndings(file: SourceFile): Found[] {
  return relativeImports(file)
    .filter(({ target }) => !/\.(ts|json)$/.test(target))
    .map(({ line, specifier }) => ({ line, text: `relative imports end in .ts: ${specifier}` }));
}

function relativeImports(file: SourceFile): (Import & { target: string })[] {
  return findImports(file.text)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map((found) => ({ ...found, target: posix.join(posix.dirname(file.path), found.specifier) }));
}

/** Generated tables are data and may be long. */
function findLength(file: SourceFile): Found[] {
  const lines = file.text.trimEnd().split('\n');
  const generated = /\bgenerated by scripts\//i.test(lines.slice(0, 5).join('\n'));
  if (lines.length <= linesMax || generated || isTest(file)) return [];
  return [{ line: linesMax + 1, text: `${lines.length} lines; more than ${linesMax} are two ideas in one file` }];
}

function findVagueNames(file: SourceFile): Found[] {
  const vague = file.path
    .replace(/(\.test)?\.ts$/, '')
    .split('/')
    .flatMap((part) => part.split(/[-.]/))
    .filter((word) => vagueNames.test(word));
  return vague.map((word) => ({ line: 1, text: `"${word}" says nothing; name what it holds` }));
}

function findLines(file: SourceFile, pattern: RegExp, text: string): Found[] {
  return file.text.split('\n').flatMap((line, index) => (pattern.test(line) ? [{ line: index + 1, text }] : []));
}

function isTest(file: SourceFile): boolean {
  return file.path.endsWith('.test.ts');
}

/** Comments become spaces, so that lines keep their numbers. Good enough for import statements. */
function blankComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) => comment.replaceAll(/[^\n]/g, ' '));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
