/** The plans of a company whose other place is a bucket: the keys come from the configuration, not from our environment. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeCompany } from '../e2e/plan/company-scene.ts';
import { companySuite } from '../e2e/plan/company-suite.ts';
import { skipWithoutService } from './programs.ts';
import { startVersityGateway } from './versitygw.ts';

companySuite(
  'S3',
  async () => {
    const gateway = await startVersityGateway();
    mkdirSync(join(gateway.folder, 'morel'));
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key } = gateway.environment;
    const company = makeCompany(`s3:${gateway.origin}/morel/coffre`, { id, key });
    return {
      company,
      async [Symbol.asyncDispose]() {
        company[Symbol.dispose]();
        await gateway[Symbol.asyncDispose]();
      },
    };
  },
  skipWithoutService('versitygw'),
);
