/** A process of its own that loads what the test saved, and is killed by it. */
import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import type { MysqlTruth } from '../../../packages/coffre/src/source/mysql/mysql.ts';
import { load, savedAs } from './scene.ts';

const [file = '', to = ''] = process.argv.slice(2);
const { truth, contents } = deserialize(readFileSync(file)) as { truth: MysqlTruth; contents: Map<string, Buffer> };
const saved = savedAs(truth, new Map([...contents].map(([path, bytes]) => [path, Buffer.from(bytes)])));
await load(saved, { to, overwrite: true });
