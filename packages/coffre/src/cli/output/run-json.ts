/** Runs as programs are told of them; `docs/reference/runs.md`. */
import type { RunFigures } from '../../run/run-figures.ts';
import type { RunMessage } from '../../run/run-message.ts';
import type { PartResult, RunResult } from '../../run/run-request.ts';

export function messageJson(message: RunMessage): object {
  switch (message.type) {
    case 'started':
      return { message_type: 'run_started', run: message.runId, plan: message.plan, log: message.logPath };
    case 'phase': {
      const { phase, source, repository } = message;
      return { message_type: 'run_phase', phase, source, repository };
    }
    case 'progress':
      return {
        message_type: 'run_progress',
        bytes_done: message.bytesDone,
        total_bytes: message.bytesTotal,
        files_done: message.filesDone,
        total_files: message.filesTotal,
      };
    case 'line':
      return { message_type: 'run_line', level: message.level, text: message.text };
    case 'saved': {
      const { source, repository, snapshot, figures } = message;
      return { message_type: 'run_saved', source, repository, snapshot, figures: figuresJson(figures) };
    }
    case 'ended': {
      const { outcome, reason, code, cause } = message;
      return { message_type: 'run_ended', outcome, reason, code, cause };
    }
    default:
      return message satisfies never;
  }
}

export function resultJson({
  runId,
  plan,
  outcome,
  reason,
  code,
  cause,
  hint,
  parts,
  logPath,
  durationMs,
}: RunResult): object {
  return {
    schema: 'coffre.run/1',
    run: runId,
    plan,
    outcome,
    reason,
    code,
    cause,
    hint,
    duration_s: durationMs / 1000,
    log: logPath,
    parts: parts.map(partJson),
  };
}

export function careJson(repository: string, parts: readonly PartResult[]): object {
  return { schema: 'coffre.care/1', repository, parts: parts.map(partJson) };
}

function partJson({
  id,
  kind,
  source,
  repository,
  outcome,
  reason,
  code,
  cause,
  hint,
  snapshot,
  figures,
  durationMs,
}: PartResult) {
  return {
    run: id,
    kind,
    source,
    repository,
    outcome,
    reason,
    code,
    cause,
    hint,
    snapshot,
    duration_s: durationMs / 1000,
    figures: figuresJson(figures),
  };
}

function figuresJson(figures: RunFigures): object {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => figureJson(name, value)));
}

/** `bytesRead` is `bytes_read`, `verifyMs` is `verify_s`. */
function figureJson(name: string, value: number): readonly [string, number] {
  const words = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return words.endsWith('_ms') ? [`${words.slice(0, -3)}_s`, value / 1000] : [words, value];
}
