/** Redis, or Valkey, which was made from it: up to Redis 7.2 and Valkey 8 one format of files, and from then on two. Pure. */
import { z } from 'zod';

export const redisEngine = z.enum(['redis', 'valkey']);
export type RedisEngine = z.infer<typeof redisEngine>;

export const engineNames: Readonly<Record<RedisEngine, string>> = { redis: 'Redis', valkey: 'Valkey' };

/** A program of both, its own first: the other's may open a file as well, but what it refuses may be sound. */
export function programsOf(engine: RedisEngine, part: 'server' | 'check-rdb' | 'check-aof'): readonly string[] {
  const other = engine === 'redis' ? 'valkey' : 'redis';
  return [`${engine}-${part}`, `${other}-${part}`];
}

export function isOfEngine(program: string, engine: RedisEngine): boolean {
  return program.startsWith(`${engine}-`);
}
