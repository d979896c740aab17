/** What others need to test storage of their own, and programs that stand on this library. */
export { backendConformance, type ConformanceSubject } from './backend-conformance.ts';
export { createFakeClock, type FakeClock, type FakeClockOptions } from './fake-clock.ts';
export {
  atCall,
  atEachCall,
  atEvery,
  bySeed,
  isWrite,
  withFaults,
  type BackendCall,
  type Fault,
  type FaultOptions,
  type FaultPlan,
  type FaultyBackend,
} from './faults.ts';
export {
  withLocalFaults,
  type FaultyLocalFiles,
  type LocalCall,
  type LocalFault,
  type LocalFaultPlan,
} from './local-faults.ts';
export { createSeededRandom, type SeededRandom } from './seeded-random.ts';
export {
  changeWorld,
  growWorld,
  readWorld,
  writeWorld,
  type World,
  type WorldEntry,
  type WorldFile,
  type WorldOptions,
} from './seeded-world.ts';
export { createMemoryBackend, type MemoryBackend, type MemoryBackendOptions } from '../backend/memory.ts';
export { quickenKey } from './quick-key.ts';
export { createSampleHost, createSampleRepository, samplePassword } from './sample-repository.ts';
