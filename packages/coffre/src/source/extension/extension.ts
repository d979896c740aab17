/** A source whose kind is brought by an extension: everything is handed to it, under the name by which it was saved. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { ExtensionSource } from '../../extension/contract.ts';
import { extensionFor } from '../../extension/load.ts';
import type { LoadTarget, SavedSource, SourceContext, SourceType } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { parseTruthWith } from '../truth.ts';

export type ExtensionSettings = {
  readonly name: string;
  /** What the extension calls the kind. */
  readonly use: string;
  /** As they are written in the configuration. */
  readonly settings: unknown;
};

const extensionTruth = z.strictObject({ use: z.string(), truth: z.unknown() });
export type ExtensionTruth = z.infer<typeof extensionTruth>;

type Kind = ExtensionSource<unknown, unknown>;

async function kindOf({ use }: { readonly use: string }, { extensions }: SourceContext): Promise<Kind> {
  return await extensionFor(extensions, 'sources', use);
}

/** Its own truth, checked by it; what is stored is not trusted more than that of other kinds. */
async function unwrapped(
  saved: SavedSource<ExtensionTruth>,
  context: SourceContext,
): Promise<{ readonly kind: Kind; readonly own: SavedSource<unknown> }> {
  const kind = await kindOf(saved.truth, context);
  return { kind, own: { ...saved, truth: kind.parseTruth(saved.truth.truth) } };
}

export const extension: SourceType<ExtensionSettings, ExtensionTruth> = {
  describe: ({ name, use }) => `${use} as ${name}`,

  listedPaths: ({ name }) => [streamFolder(name)],

  async preflight(settings, context, last) {
    const kind = await kindOf(settings, context);
    const earlier = last?.use === settings.use ? kind.parseTruth(last.truth) : undefined;
    return await kind.preflight(kind.parseSettings(settings.settings, settings.name), context, earlier);
  },

  async dump(settings, context) {
    const kind = await kindOf(settings, context);
    const dump = await kind.dump(kind.parseSettings(settings.settings, settings.name), context);
    return {
      ...dump,
      truth: async (saved) => ({ use: settings.use, truth: await dump.truth(saved) }),
      [Symbol.asyncDispose]: async () => await dump[Symbol.asyncDispose](),
    };
  },

  parseTruth: parseTruthWith(extensionTruth),

  async verify(saved, context, steps, settings) {
    const { kind, own } = await unwrapped(saved, context);
    const live = settings === undefined ? undefined : kind.parseSettings(settings.settings, settings.name);
    return await kind.verify(own, context, steps, live);
  },

  async load(saved, target, context) {
    const { kind, own } = await unwrapped(saved, context);
    const { settings, ...rest } = target;
    const live: LoadTarget<unknown> = {
      ...rest,
      settings: settings === undefined ? undefined : kind.parseSettings(settings.settings, settings.name),
    };
    return await kind.load(own, live, context);
  },

  async scratch(saved, context, settings) {
    const { kind, own } = await unwrapped(saved, context);
    const live = settings === undefined ? undefined : kind.parseSettings(settings.settings, settings.name);
    return await kind.scratch(own, context, live);
  },

  async quickCheck(settings, context) {
    const kind = await kindOf(settings, context);
    return await kind.quickCheck(kind.parseSettings(settings.settings, settings.name), context);
  },

  async present(settings, context) {
    const kind = await kindOf(settings, context);
    return {
      use: settings.use,
      truth: await kind.present(kind.parseSettings(settings.settings, settings.name), context),
    };
  },

  // The kind itself cannot be asked without loading it.
  differences: (earlier, later) => (isDeepStrictEqual(earlier, later) ? [] : ['it is not as it was']),
};
