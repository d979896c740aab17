import { makeCompany } from './company-scene.ts';
import { companySuite } from './company-suite.ts';

companySuite('a folder', async () => {
  const company = makeCompany('', { id: 'unused', key: 'unused' });
  return { company, [Symbol.asyncDispose]: async () => company[Symbol.dispose]() };
});
