/** What a program prints, with the program that takes it back. */
import { CoffreError, databaseProfile, toByteString } from '@coffre/repository';
import { createHash } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { SavedSource, SourceContext, SourceType } from '../source.ts';
import { findProgram } from '../../platform/find-program.ts';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import { streamFolder } from '../stream-path.ts';
import { parseTruthWith } from '../truth.ts';

export type CommandSettings = {
  readonly name: string;
  /** Stored in the manifest: no secrets among the words. */
  readonly argv: readonly string[];
  /** Takes on its standard input what `argv` printed. */
  readonly load?: readonly string[];
  readonly filename?: string;
  readonly timeoutMs: number;
  /** Beside the few variables that every program gets; not stored. */
  readonly environment?: Readonly<Record<string, string>>;
};

const commandTruth = z.strictObject({
  argv: z.array(z.string()),
  load: z.array(z.string()).nullable(),
  sizeBytes: z.int(),
  sha256: z.string(),
});
export type CommandTruth = z.infer<typeof commandTruth>;

/** A load has no limit of its own in the manifest; a day is longer than any. */
const loadTimeoutMs = 24 * 3_600_000;

export const command: SourceType<CommandSettings, CommandTruth> = {
  describe: ({ name, argv }) => `output of ${JSON.stringify(argv[0] ?? '')} as ${name}`,

  listedPaths: ({ name }) => [streamFolder(name)],

  async preflight({ argv, name }) {
    streamFolder(name);
    if (argv[0] === undefined || argv[0] === '') {
      throw new CoffreError('USAGE', `the source ${name} has no program`, {
        hint: 'Name the program and its arguments as a list; no shell looks at them.',
      });
    }
    return { warnings: [] };
  },

  async dump(settings, context) {
    const { name, filename } = settings;
    const path = toByteString(`${streamFolder(name)}/${filename ?? 'output'}`);
    const bytes = (signal: AbortSignal): AsyncGenerator<Uint8Array> =>
      printed(settings, context, AbortSignal.any([signal, context.signal]));
    return {
      streams: [{ path, bytes: (signal) => atLeastOneByte(name, bytes(signal)), profile: databaseProfile }],
      truth: async ([saved]) => {
        if (saved === undefined) throw new CoffreError('INTERNAL', 'the truth was asked for before the dump');
        return truthOf(settings, saved);
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },

  parseTruth: parseTruthWith(commandTruth),

  async verify(saved) {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const bytes of contentOf(saved)) {
      hash.update(bytes);
      sizeBytes += bytes.byteLength;
    }
    const { truth } = saved;
    const isSame = sizeBytes === truth.sizeBytes && hash.digest('hex') === truth.sha256;
    return isSame
      ? { passed: ['archive'], proved: [`${sizeBytes} bytes as printed`], differences: [] }
      : {
          passed: [],
          proved: [],
          differences: [`it has ${sizeBytes} bytes that are not the ${truth.sizeBytes} printed`],
        };
  },

  /** Into a file that is named, else into the program that was said to load it. */
  async load(saved, target, context) {
    const { load } = saved.truth;
    if (target.to !== undefined) return await intoFile(saved, resolve(target.to), target.overwrite);
    if (load === null) {
      throw new CoffreError('USAGE', `${saved.name} was saved without a program that loads it`, {
        hint: 'Name a file with --target, and load that yourself.',
      });
    }
    if (!target.overwrite) {
      throw new CoffreError('SOURCE_TARGET_REFUSED', `${JSON.stringify(load[0])} would load into what is live`, {
        hint: 'Add --overwrite if that is meant, or name a file with --target.',
      });
    }
    const call = { argv: load, timeoutMs: loadTimeoutMs, signal: context.signal, input: contentOf(saved) };
    // What it prints is of no interest; that it ends well is.
    for await (const _ of context.programs.output(call));
    return `loaded by ${JSON.stringify(load[0])}`;
  },

  async scratch(saved, context) {
    const folder = createPrivateFolder(context.temporaryFolder, saved.truth.sizeBytes);
    try {
      const place = await intoFile(saved, `${folder.path}/output`, false);
      return { place, [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() };
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  },

  // What it would print is known when it is run, which is a backup.
  async quickCheck({ argv }, context) {
    const [program = ''] = argv;
    const path = findProgram(program, context.searchPath);
    return path === undefined
      ? { passed: [], proved: [], differences: [`there is no program ${program}`] }
      : { passed: ['open'], proved: [`${path} can be run`], differences: [] };
  },

  async present(settings, context) {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const bytes of printed(settings, context, context.signal)) {
      hash.update(bytes);
      sizeBytes += bytes.byteLength;
    }
    return truthOf(settings, { sizeBytes, sha256: hash.digest('hex') });
  },

  differences(earlier, later) {
    if (earlier.sha256 === later.sha256) return [];
    return [`it prints ${later.sizeBytes} bytes that are not the ${earlier.sizeBytes} saved`];
  },
};

function printed(
  { argv, timeoutMs, environment }: CommandSettings,
  { programs }: SourceContext,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  return programs.output({ argv, timeoutMs, signal, ...(environment === undefined ? {} : { environment }) });
}

function truthOf(
  { argv, load }: CommandSettings,
  { sizeBytes, sha256 }: { readonly sizeBytes: number; readonly sha256: string },
): CommandTruth {
  return { argv: [...argv], load: load === undefined ? null : [...load], sizeBytes, sha256 };
}

/** A dump program that prints nothing and says that all is well has saved nothing. */
async function* atLeastOneByte(name: string, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const part of parts) {
    sizeBytes += part.byteLength;
    yield part;
  }
  if (sizeBytes > 0) return;
  throw new CoffreError('SOURCE_COMMAND_FAILED', `the program of ${name} printed nothing`, {
    hint: 'Nothing was saved. Run the program by itself and look at what it prints.',
  });
}

function contentOf(saved: SavedSource<CommandTruth>): AsyncIterable<Uint8Array> {
  const [stream] = saved.streams;
  if (stream === undefined) throw new CoffreError('MANIFEST_DAMAGED', `the manifest names no stream of ${saved.name}`);
  return saved.read(stream.path);
}

async function intoFile(saved: SavedSource<CommandTruth>, path: string, overwrite: boolean): Promise<string> {
  if (!overwrite && existsSync(path)) {
    throw new CoffreError('SOURCE_TARGET_REFUSED', `${path} is there already`, {
      hint: 'Name another file, or add --overwrite.',
    });
  }
  const part = `${path}.coffre-${process.pid}`;
  try {
    const file = await open(part, 'wx', 0o600);
    try {
      for await (const bytes of contentOf(saved)) await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    renameSync(part, path);
    return path;
  } finally {
    rmSync(part, { force: true });
  }
}
