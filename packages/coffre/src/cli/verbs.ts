/** Every verb with its summary. What a verb needs is loaded when it is used, so that quick verbs stay quick. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';

export type DefineVerb = (command: Command, cli: Cli) => void;

export type Verb = {
  readonly name: string;
  readonly summary: string;
  /** Left out of help and completion. */
  readonly hidden?: boolean;
  /** It opens the repository, whatever its options say. */
  readonly opens?: boolean;
  /** It judges or mends what is stored, so no copy on this machine may answer for it. */
  readonly uncached?: boolean;
  readonly load: () => Promise<DefineVerb>;
};

export const verbs: readonly Verb[] = [
  {
    name: 'start',
    summary: 'Show what coffre does: back up, verify and restore an example, or the given folders',
    load: async () => (await import('./start.ts')).defineStart,
  },
  { name: 'init', summary: 'Make a new repository', load: async () => (await import('./init.ts')).defineInit },
  {
    name: 'backup',
    summary: 'Save files and folders as a new snapshot',
    opens: true,
    load: async () => (await import('./backup.ts')).defineBackup,
  },
  {
    name: 'restore',
    summary: 'Bring the files of a snapshot back',
    opens: true,
    load: async () => (await import('./restore.ts')).defineRestore,
  },
  {
    name: 'verify',
    summary: 'Prove a backup of sources: signature, every hash, databases opened and counted',
    opens: true,
    uncached: true,
    load: async () => (await import('./verify.ts')).defineVerify,
  },
  {
    name: 'source',
    summary: 'List the sources of a snapshot, and load databases back',
    load: async () => (await import('./source.ts')).defineSource,
  },
  {
    name: 'db',
    summary: 'Databases of the configuration: list, dump, restore, check and compare them',
    load: async () => (await import('./db.ts')).defineDb,
  },
  {
    name: 'database',
    summary: 'The long name of `db`',
    hidden: true,
    load: async () => (await import('./db.ts')).defineDb,
  },
  {
    name: 'dump',
    summary: 'Print a saved file, or a folder as an archive',
    opens: true,
    load: async () => (await import('./dump.ts')).defineDump,
  },
  {
    name: 'snapshots',
    summary: 'List all snapshots',
    opens: true,
    load: async () => (await import('./snapshots.ts')).defineSnapshots,
  },
  {
    name: 'ls',
    summary: 'List the files of a snapshot',
    opens: true,
    load: async () => (await import('./ls.ts')).defineLs,
  },
  {
    name: 'find',
    summary: 'Find files or objects in all snapshots',
    opens: true,
    load: async () => (await import('./find.ts')).defineFind,
  },
  {
    name: 'diff',
    summary: 'Show what differs between two snapshots',
    opens: true,
    load: async () => (await import('./diff.ts')).defineDiff,
  },
  {
    name: 'stats',
    summary: 'Count and measure what is stored',
    opens: true,
    load: async () => (await import('./stats.ts')).defineStats,
  },
  {
    name: 'forget',
    summary: 'Remove snapshots by rule or by id',
    opens: true,
    load: async () => (await import('./forget.ts')).defineForget,
  },
  {
    name: 'check',
    summary: 'Check the repository for damage',
    opens: true,
    uncached: true,
    load: async () => (await import('./check.ts')).defineCheck,
  },
  {
    name: 'copy',
    summary: 'Copy snapshots to another repository',
    opens: true,
    load: async () => (await import('./copy.ts')).defineCopy,
  },
  {
    name: 'tag',
    summary: 'Change the tags of snapshots',
    opens: true,
    load: async () => (await import('./tag.ts')).defineTag,
  },
  {
    name: 'rewrite',
    summary: 'Make snapshots anew without some files, or with another host or time',
    opens: true,
    load: async () => (await import('./rewrite.ts')).defineRewrite,
  },
  {
    name: 'recover',
    summary: 'Make a snapshot of everything no snapshot refers to',
    opens: true,
    uncached: true,
    load: async () => (await import('./recover.ts')).defineRecover,
  },
  {
    name: 'migrate',
    summary: 'Raise a repository to a newer version of the format',
    opens: true,
    load: async () => (await import('./migrate.ts')).defineMigrate,
  },
  {
    name: 'key',
    summary: 'Manage the passwords of a repository',
    opens: true,
    load: async () => (await import('./key.ts')).defineKey,
  },
  {
    name: 'unlock',
    summary: 'Remove locks that other processes left',
    opens: true,
    load: async () => (await import('./unlock.ts')).defineUnlock,
  },
  {
    name: 'cat',
    summary: 'Print an object of the repository',
    opens: true,
    load: async () => (await import('./cat.ts')).defineCat,
  },
  {
    name: 'list',
    summary: 'List the ids of objects in the repository',
    opens: true,
    load: async () => (await import('./list.ts')).defineList,
  },
  {
    name: 'serve',
    summary: 'Run the plans of the configuration when they are due',
    load: async () => (await import('./serve.ts')).defineServe,
  },
  {
    name: 'status',
    summary: 'Say how all plans, copies and repositories stand, worst first',
    load: async () => (await import('./status.ts')).defineStatus,
  },
  {
    name: 'report',
    summary: 'Say what happened in a day, a week or a month, as text, HTML, PDF, CSV or JSON',
    load: async () => (await import('./report.ts')).defineReport,
  },
  { name: 'jobs', summary: 'Show what runs and what waits', load: async () => (await import('./jobs.ts')).defineJobs },
  {
    name: 'run',
    summary: 'Run plans of the configuration now: save, prove, copy, and remove what expired',
    load: async () => (await import('./run-plans.ts')).defineRun,
  },
  {
    name: 'care',
    summary: 'Look after repositories of the configuration: list, read back, check and prune what is due',
    load: async () => (await import('./care.ts')).defineCare,
  },
  {
    name: 'cancel',
    summary: 'Stop the run of a plan',
    load: async () => (await import('./cancel.ts')).defineCancel,
  },
  {
    name: 'logs',
    summary: 'Show what a run, or the daemon, said',
    load: async () => (await import('./logs.ts')).defineLogs,
  },
  {
    name: 'webhook',
    summary: 'Print the call that starts a plan from outside',
    load: async () => (await import('./webhook.ts')).defineWebhook,
  },
  {
    name: 'pause',
    summary: 'Start nothing by itself for a while',
    load: async () => (await import('./pause.ts')).definePause,
  },
  {
    name: 'resume',
    summary: 'End a pause',
    load: async () => (await import('./pause.ts')).defineResume,
  },
  {
    name: 'serve-repo',
    summary: 'Serve repositories to restic, rustic and coffre over HTTP',
    load: async () => (await import('./serve-repo.ts')).defineServeRepo,
  },
  {
    name: 'rebuild-cache',
    summary: 'Make the history again from the repositories',
    load: async () => (await import('./rebuild-cache.ts')).defineRebuildCache,
  },
  {
    name: 'audit',
    summary: 'Show and prove the log of what cannot be undone',
    load: async () => (await import('./audit.ts')).defineAudit,
  },
  {
    name: 'cache',
    summary: 'List and clean local cache folders',
    load: async () => (await import('./cache.ts')).defineCache,
  },
  {
    name: 'config',
    summary: 'Check, show and explain the configuration file',
    load: async () => (await import('./config.ts')).defineConfig,
  },
  {
    name: 'plan',
    summary: 'Show what the changed configuration would change',
    load: async () => (await import('./plan.ts')).definePlan,
  },
  {
    name: 'apply',
    summary: 'Make the configuration hold, and the repositories that are missing',
    load: async () => (await import('./plan.ts')).defineApply,
  },
  {
    name: 'schedule',
    summary: 'Say what a schedule means, and its next times',
    load: async () => (await import('./schedule.ts')).defineSchedule,
  },
  {
    name: 'completion',
    summary: 'Print a script that completes commands in your shell',
    load: async () => (await import('./completion.ts')).defineCompletion,
  },
  {
    name: 'complete',
    summary: 'Answer a completion script',
    hidden: true,
    load: async () => (await import('./completion.ts')).defineComplete,
  },
  { name: 'version', summary: 'Print the version', load: async () => (await import('./version.ts')).defineVersion },
  {
    name: 'prune',
    summary: 'Remove data that no snapshot needs',
    opens: true,
    load: async () => (await import('./prune.ts')).definePrune,
  },
  {
    name: 'retain',
    summary: 'Keep what snapshots need from being deleted for longer (object lock)',
    opens: true,
    load: async () => (await import('./retain.ts')).defineRetain,
  },
  ...later('mount', 'Mount the snapshots as a folder'),
  {
    name: 'repair',
    summary: 'Repair a damaged repository: its index, packs and snapshots',
    opens: true,
    uncached: true,
    load: async () => (await import('./repair.ts')).defineRepair,
  },
  {
    name: 'rebuild-index',
    summary: 'The old name of `repair index`',
    hidden: true,
    opens: true,
    uncached: true,
    load: async () => (await import('./repair-index.ts')).defineRepairIndex,
  },
];

/** Verbs of restic that this version refuses in a sentence. */
function later(name: string, summary: string): Verb[] {
  return [
    {
      name,
      summary: `${summary} (not in this version)`,
      load: async () => (await import('./not-built.ts')).defineNotBuilt,
    },
  ];
}
