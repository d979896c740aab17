/** The configuration as it was last applied: what holds, without secrets. What is written since then is not in force. */
import { readSetting, writeSetting } from './settings.ts';
import type { Rows } from './store.ts';

export type AppliedConfig = { readonly atMs: number; readonly by: string; readonly config: Record<string, unknown> };

const settingName = 'config:applied';

/** Undefined when nothing was applied yet. */
export async function readAppliedConfig(rows: Rows): Promise<AppliedConfig | undefined> {
  const setting = await readSetting(rows, settingName);
  if (setting === undefined) return undefined;
  return {
    atMs: setting.changedAtMs,
    by: setting.changedBy,
    config: JSON.parse(setting.value) as AppliedConfig['config'],
  };
}

export async function writeAppliedConfig(rows: Rows, config: unknown, by: string): Promise<void> {
  await writeSetting(rows, settingName, { value: JSON.stringify(config), changedBy: by });
}
