import { randomUUID } from 'node:crypto';
import { backendConformance } from '../testing/backend-conformance.ts';
import { createMemoryBackend } from './memory.ts';

for (const replacesAtomically of [true, false]) {
  backendConformance(`memory (${replacesAtomically ? 'replacing' : 'refusing existing names'})`, async () => {
    const backend = createMemoryBackend({ replacesAtomically });
    return {
      backend,
      async putStranger(kind, name) {
        backend.files.set(`${kind}/${name}`, Buffer.from(randomUUID()));
      },
    };
  });
}
