import { errorFromWire } from '../workers/pool.ts';
import type { CompareRules, CompareTask, Verdict } from './compare.ts';
import type { RestoreCrew } from './crew.ts';
import type { RestoreJob, Target } from './job.ts';
import { addDropped } from './report.ts';
import type { ComparePayload, CompareResult } from './restore-tasks.ts';
import type { FileToWrite, WindowFile } from './window.ts';

const batchFilesMax = 256;
const batchBytesMax = 64 * 1024 * 1024;

/** Looks at the files that exist; returns those whose content must be written. */
export async function settleExisting(
  job: RestoreJob,
  crew: RestoreCrew | undefined,
  files: readonly WindowFile[],
): Promise<FileToWrite[]> {
  const { target } = job;
  const maybe = files.filter((file) => file.mayExist);
  if (crew === undefined || target === undefined || maybe.length === 0) return [...files];
  const verdicts = new Map<WindowFile, FileToWrite | undefined>();
  const rules: CompareRules = { overwrite: job.overwrite, applyMetadata: !job.isDryRun };
  await compareAll(job, crew, maybe, rules, (file, verdict) => verdicts.set(file, settle(job, target, file, verdict)));
  return files.flatMap((file) => {
    const wanted = verdicts.has(file) ? verdicts.get(file) : file;
    return wanted === undefined ? [] : [wanted];
  });
}

/** Undefined when nothing is left to write. */
function settle(
  job: RestoreJob,
  target: Target,
  file: WindowFile,
  verdict: CompareResult['verdicts'][number],
): FileToWrite | undefined {
  switch (verdict.kind) {
    case 'absent':
      return file;
    case 'kept':
    case 'same':
      job.skipped('file', file.path, sizeOf(job, file));
      return undefined;
    case 'differs':
      return { ...file, existing: verdict.file, present: verdict.present };
    case 'obstacle':
      try {
        if (!job.isDryRun) job.clearWay(target, file.path);
        return file;
      } catch (error) {
        job.fail(file.path, error);
        return undefined;
      }
    case 'failed':
      job.fail(file.path, errorFromWire(verdict.error));
      return undefined;
    default:
      return verdict satisfies never;
  }
}

export async function compareAll(
  job: RestoreJob,
  crew: RestoreCrew,
  files: readonly WindowFile[],
  rules: CompareRules,
  take: (file: WindowFile, verdict: Verdict | CompareResult['verdicts'][number]) => void,
): Promise<void> {
  const running: Promise<void>[] = [];
  const send = async (batch: readonly WindowFile[], tasks: readonly CompareTask[]): Promise<void> => {
    await crew.admission.enter(0);
    const sizeBytes = tasks.reduce((sum, task) => sum + task.sizeBytes, 0);
    const payload: ComparePayload = { files: tasks, rules };
    const run = async (): Promise<void> => {
      try {
        const { verdicts, dropped } = await crew.run<CompareResult>('compare', payload, { sizeBytes });
        addDropped(job.counters.dropped, dropped);
        for (const [i, file] of batch.entries()) take(file, verdicts[i] as Verdict);
      } finally {
        crew.admission.leave(0);
      }
    };
    const result = run();
    result.catch(() => undefined); // awaited together below
    running.push(result);
  };
  let batch: WindowFile[] = [];
  let tasks: CompareTask[] = [];
  let bytes = 0;
  for (const file of files) {
    job.throwIfAborted();
    const task = compareTask(job, file);
    batch.push(file);
    tasks.push(task);
    bytes += task.sizeBytes;
    if (batch.length < batchFilesMax && bytes < batchBytesMax) continue;
    await send(batch, tasks);
    batch = [];
    tasks = [];
    bytes = 0;
  }
  if (batch.length > 0) await send(batch, tasks);
  await Promise.all(running);
}

function compareTask(job: RestoreJob, file: WindowFile): CompareTask {
  const lengths = file.content.map((id) => job.blobSize(id));
  const known = lengths.every((length) => length !== undefined) ? lengths : undefined;
  const sizeBytes = known?.reduce((sum, length) => sum + length, 0) ?? 0;
  return { path: file.path, sizeBytes, content: file.content, lengths: known, metadata: file.metadata };
}

export function sizeOf(job: RestoreJob, file: WindowFile): number {
  let size = 0;
  for (const id of file.content) size += job.blobSize(id) ?? 0;
  return size;
}
