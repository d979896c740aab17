/**
 * Commands that a plan, a source or a copy wants run around its work. A list of words needs no shell; a line written as
 * `shell:` goes to /bin/sh. They get PATH, HOME, language and time zone, what the configuration adds, and
 *
 *   COFFRE_PLAN COFFRE_RUN COFFRE_HOOK           which plan and run; before, after, error or finally
 *   COFFRE_SOURCE COFFRE_REPOSITORY              which source or copy, at hooks of one
 *   COFFRE_OUTCOME COFFRE_SNAPSHOT COFFRE_REASON  from `finally` on: how it went so far, what was saved, why not
 */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { Config, HookConfig } from '../config/config.ts';
import { resolveText, type SecretDoors } from '../config/read/secrets.ts';
import type { Programs } from '../platform/programs.ts';
import type { LineLevel } from './run-message.ts';

export type HookParts = {
  readonly programs: Programs;
  readonly secrets: Config['secrets'];
  readonly doors: SecretDoors;
  readonly say: (level: LineLevel, text: string) => void;
};

export type HookFacts = {
  readonly plan: string;
  readonly run: number;
  readonly source?: string;
  readonly repository?: string;
  readonly outcome?: 'success' | 'warning' | 'failed' | 'cancelled';
  readonly snapshot?: string | undefined;
  readonly reason?: string | undefined;
};

export type HookOutcome = {
  /** Of those that only warn. */
  readonly warnings: readonly string[];
  /** Of one that stops the run. */
  readonly failure: CoffreError | undefined;
};

/** What they print that is shown and logged. */
const outputBytesMax = 16 * 1024;

/**
 * In the order of the file; after one that stops the run no further one begins, but for `finally`, where all of them do.
 * @param signal not for `error` and `finally`: they run because the work was stopped
 */
export async function runHooks(
  hooks: readonly HookConfig[],
  at: HookConfig['at'],
  facts: HookFacts,
  parts: HookParts,
  signal?: AbortSignal,
): Promise<HookOutcome> {
  const warnings: string[] = [];
  let failure: CoffreError | undefined;
  for (const hook of hooks) {
    if (hook.at !== at) continue;
    if (failure !== undefined && at !== 'finally') break;
    try {
      await runHook(hook, facts, parts, signal);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      const sentence = `the hook \`${wordsOf(hook)}\` (${at}) failed: ${messageOf(error)}`;
      parts.say(hook.onError === 'warn' ? 'warning' : 'error', sentence);
      if (hook.onError === 'warn') warnings.push(sentence);
      else failure ??= new CoffreError('HOOK_FAILED', sentence, { hint: hintFor(at), cause: error });
    }
  }
  return { warnings, failure };
}

async function runHook(hook: HookConfig, facts: HookFacts, parts: HookParts, signal?: AbortSignal): Promise<void> {
  const environment: Record<string, string> = { ...variablesOf(hook, facts) };
  const hidden: string[] = [];
  for (const [name, text] of Object.entries(hook.environment)) {
    const value = await resolveText(text, parts.secrets, parts.doors);
    environment[name] = value;
    if (text.secretNames.length > 0) hidden.push(value);
  }
  const open = (said: string): string => hidden.reduce((all, value) => all.replaceAll(value, '***'), said);
  const { command, timeoutMs } = hook;
  const argv = 'argv' in command ? command.argv : ['/bin/sh', '-c', command.shell];
  const call = { argv, environment, timeoutMs, mayLeaveOthers: true, ...(signal === undefined ? {} : { signal }) };
  let text = '';
  try {
    for await (const bytes of parts.programs.output(call)) {
      if (text.length < outputBytesMax) text += Buffer.from(bytes).toString('utf8');
    }
  } catch (error) {
    // What it complains of goes into messages and the history.
    if (!isCoffreError(error) || open(error.message) === error.message) throw error;
    throw new CoffreError(error.code, open(error.message), error.hint === undefined ? {} : { hint: error.hint });
  } finally {
    for (const line of open(text).slice(0, outputBytesMax).split('\n')) {
      if (line.trim() !== '') parts.say('debug', `${argv[0]}: ${line}`);
    }
  }
}

function variablesOf({ at }: HookConfig, facts: HookFacts): Record<string, string> {
  const said = {
    COFFRE_PLAN: facts.plan,
    COFFRE_RUN: String(facts.run),
    COFFRE_HOOK: at,
    COFFRE_SOURCE: facts.source,
    COFFRE_REPOSITORY: facts.repository,
    COFFRE_OUTCOME: facts.outcome,
    COFFRE_SNAPSHOT: facts.snapshot,
    COFFRE_REASON: facts.reason,
  };
  return Object.fromEntries(Object.entries(said).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function wordsOf({ command }: HookConfig): string {
  return 'argv' in command ? command.argv.join(' ') : command.shell;
}

function hintFor(at: HookConfig['at']): string {
  return at === 'before'
    ? 'Nothing was saved. Run the command by itself and mend it, or write `on_error: warn`.'
    : 'What was saved stays. Run the command by itself: what it was to undo may still stand.';
}

/** The sentence alone: code and hint stand elsewhere. */
export function sentenceOf(error: unknown): string {
  return isCoffreError(error) ? error.message : messageOf(error);
}
