/**
 * Ten thousand plans: how long the daemon takes to start, how much memory it has then, and how long one look at what is
 * due takes. Not a timed test: run it on a quiet machine.
 *
 *   node --conditions=@coffre/source bench/scheduler.ts [PLANS] [PROGRAM]
 *
 * PROGRAM is the launcher to start; without one that of this checkout, which reads its sources.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { workOf } from '../packages/coffre/src/daemon/work.ts';
import { parseConfig, requireConfig } from '../packages/coffre/src/config/parse.ts';
import { readConfigFiles } from '../packages/coffre/src/config/read/config-files.ts';
import { Agenda } from '../packages/coffre/src/schedule/agenda.ts';
import { parseZone, Zones } from '../packages/coffre/src/schedule/zone.ts';

const [count = '10000', program = fileURLToPath(new URL('../packages/coffre/bin/coffre', import.meta.url))] =
  process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'coffre-scheduler-'));
const file = join(folder, 'coffre.yaml');
try {
  writeFileSync(file, configText(Number(count)));
  for (const state of ['a new state', 'a state that knows them']) {
    const { startMs, cpuMs, memoryMb, peakMb } = await startDaemon();
    print(
      `start with ${state}: ${startMs.toFixed(0)} ms (${cpuMs} ms of processor time), ${memoryMb} MB, at most ${peakMb} MB`,
    );
  }
  measureTicks();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function configText(plans: number): string {
  const lines = ['version: 1', 'timezone: Europe/Paris', 'secrets: {pw: {env: PW}}', 'repositories:'];
  lines.push(
    '  main: {url: /srv/main, password: "${secret:pw}", maintained_by: elsewhere}',
    'sites:',
    '  home:',
    '    sources:',
  );
  for (let plan = 0; plan < plans; plan += 1) lines.push(`      s${plan}: {type: files, paths: [/srv/data/${plan}]}`);
  lines.push('plans:');
  for (let plan = 0; plan < plans; plan += 1) {
    lines.push(`  plan-${plan}:`, `    sources: [home/s${plan}]`, '    to: main');
    lines.push(`    schedule: {cron: "${plan % 60} ${plan % 24} * * *"}`, '    retention: {main: {daily: 30}}');
  }
  return `${lines.join('\n')}\n`;
}

async function startDaemon() {
  const environment = { ...process.env, COFFRE_STATE_DIR: join(folder, 'state'), PW: 'x' };
  const startedMs = performance.now();
  const daemon = spawn(program, ['serve', '--config', file, '--settle', '1h'], {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let measured = { startMs: 0, cpuMs: 0, memoryMb: 0, peakMb: 0 };
  for await (const line of createInterface({ input: daemon.stderr })) {
    if (!line.includes('serve.began')) continue;
    const startMs = performance.now() - startedMs;
    const stat = readFileSync(`/proc/${daemon.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8');
    const kilobytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
    measured = {
      startMs,
      cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
      memoryMb: Math.round((kilobytes('VmRSS') * 1024) / 1e6),
      peakMb: Math.round((kilobytes('VmHWM') * 1024) / 1e6),
    };
    daemon.kill('SIGTERM');
  }
  return measured;
}

/** A day of minutes; in each about seven plans are due. The clock stands nowhere still: the agenda is asked, not waited for. */
function measureTicks(): void {
  const zone = parseZone('Europe/Paris');
  const config = requireConfig(parseConfig(readConfigFiles(file, folder), { variables: {}, systemZone: zone }));
  const works = workOf(config, 'here');
  const startMs = Date.parse('2026-11-22T00:00:30Z');
  const agenda = new Agenda({ runsMax: 1000, runsPerHostMax: 1000, settleMs: 0 }, new Zones());
  const now = (minute: number) => ({ wallMs: startMs + minute * 60_000, monotonicMs: minute * 60_000 });
  const putMs = timed(() => {
    for (const { entry } of works.values()) agenda.put(entry, { handledMs: startMs }, now(0));
  });
  const ticks: number[] = [];
  let started = 0;
  for (let minute = 0; minute < 1440; minute += 1) {
    ticks.push(
      timed(() => {
        const { starts } = agenda.decide(now(minute));
        started += starts.length;
        for (const { plan } of starts) agenda.ended(plan, 'success', now(minute));
      }),
    );
  }
  const sorted = ticks.toSorted((a, b) => a - b);
  const text = (share: number): string => sorted[Math.ceil(sorted.length * share) - 1]!.toFixed(2);
  print(`plans into the agenda: ${putMs.toFixed(0)} ms`);
  print(
    `one look at what is due: median ${text(0.5)} ms, 99th percentile ${text(0.99)} ms, longest ${text(1)} ms; ${started} runs`,
  );
  const back = timed(() => void agenda.decide({ wallMs: startMs + 1000, monotonicMs: 1441 * 60_000 }));
  print(`the look after the clock was set back by a day: ${back.toFixed(1)} ms`);
  const woken = timed(() => void agenda.decide({ wallMs: startMs + 3 * 86_400_000, monotonicMs: 1442 * 60_000 }));
  print(`the look after a sleep of three days, with every plan due: ${woken.toFixed(1)} ms`);
}

function timed(work: () => void): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
