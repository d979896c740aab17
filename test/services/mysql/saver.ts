/** A process of its own that saves a server, or starts a private one, and is killed by the test that started it. */
import type { MysqlSettings } from '../../../packages/coffre/src/source/mysql/mysql.ts';
import { contextFor, mysql, save } from './scene.ts';

const [settings = '', temporaryFolder = '', what] = process.argv.slice(2);
const parsed = JSON.parse(settings) as MysqlSettings;
const context = { ...contextFor(), temporaryFolder };
const told = (): Promise<never> => {
  process.send?.('there');
  return new Promise(() => setInterval(() => undefined, 1000));
};
if (what === 'scratch') {
  const saved = await save({ ...parsed, databases: ['small'] }, context);
  await using _ = await mysql.scratch(saved, context);
  await told();
} else await save(parsed, context, told);
