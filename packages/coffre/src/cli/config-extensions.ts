/**
 * What `config check` asks the modules that the configuration names: whether they bring what it uses, and take its settings.
 * They run in threads of their own for that. One that is not installed here may be elsewhere, so that is a warning.
 */
import { dirname } from 'node:path';
import { extensionUses, nouns } from '../config/extension-uses.ts';
import type { ExtensionUse } from '../config/extension-uses.ts';
import { valueAt } from '../config/located.ts';
import { byPlace, pathText } from '../config/mistake.ts';
import type { Mistake } from '../config/mistake.ts';
import { choiceHint } from '../config/suggestion.ts';
import { extensionThreads } from '../extension/extension-thread.ts';
import type { ExtensionThread } from '../extension/extension-thread.ts';
import type { ThreadCheck } from '../extension/thread-messages.ts';
import type { LoadedConfig } from './config-source.ts';

const limitMs = 20_000;

export async function withExtensionMistakes(loaded: LoadedConfig): Promise<LoadedConfig> {
  const { config, root, file, mistakes } = loaded;
  if (config === undefined || config.extensions.length === 0) return loaded;
  const uses = extensionUses(root);
  if (uses.length === 0) return loaded;
  const answers = await asked({ names: config.extensions, folder: dirname(file) }, uses);
  const found = uses.flatMap((use, index): Mistake[] => {
    const mistake = mistakeOf(use, answers[index]);
    return mistake === undefined ? [] : [{ ...mistake, place: valueAt(root, use.path)!.place, path: use.path }];
  });
  return { ...loaded, mistakes: [...mistakes, ...found].toSorted(byPlace) };
}

type Places = { readonly names: readonly string[]; readonly folder: string };

/** One thread for all of them; undefined for what it did not come to. */
async function asked(places: Places, uses: readonly ExtensionUse[]): Promise<(ThreadCheck | undefined)[]> {
  const answers: (ThreadCheck | undefined)[] = uses.map(() => undefined);
  const questions = uses.map(({ kind, use, settings }) => ({ kind, use, settings }));
  const setup = { places, use: '', settings: undefined, task: { kind: 'check', questions } } as const;
  const thread: ExtensionThread = extensionThreads({ graceMs: 0 })(setup, (message) => {
    if (message.type === 'checked') answers[message.index] = message.check;
  });
  const timer = setTimeout(() => thread.stop(), limitMs);
  const failure = await thread.ended;
  clearTimeout(timer);
  const problem = failure?.message ?? 'it did not answer in time';
  return answers.map((answer) => answer ?? { kind: 'unloadable', problem, hint: undefined });
}

type Said = Pick<Mistake, 'severity' | 'message' | 'hint'>;

function mistakeOf({ kind, use, path }: ExtensionUse, check: ThreadCheck | undefined): Said | undefined {
  const noun = nouns[kind];
  switch (check?.kind) {
    case undefined:
    case 'good':
      return undefined;
    case 'unknown': {
      const message = `\`${pathText(path)}\` names the ${noun} \`${use}\`, which no extension brings`;
      return { severity: 'error', message, hint: choiceHint(use, check.known, noun) };
    }
    case 'refused': {
      const message = `\`${pathText(path)}\`: the ${noun} \`${use}\` cannot be used: ${check.problem}`;
      return { severity: 'error', message, hint: check.hint };
    }
    case 'unloadable': {
      const message = `\`${pathText(path)}\` was not looked at: ${check.problem}`;
      return { severity: 'warning', message, hint: check.hint };
    }
    default:
      return check satisfies never;
  }
}
