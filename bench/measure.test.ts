import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure, parseCost } from './measure.ts';
import { parseTimings } from './tools/coffre.ts';

test('the cost is read from GNU time and from bash alike', () => {
  assert.deepEqual(parseCost('1.50 0.25 2048\n'), { cpuMs: 1750, peakBytes: 2048 * 1024 });
  assert.deepEqual(parseCost('0m0.001s 0m0.000s\n1m2.500s 0m0.250s\n'), { cpuMs: 62_750, peakBytes: 0 });
  assert.throws(() => parseCost('nonsense'), /cannot be read/);
});

test('a measured command gives its output, its exit code and the memory of its children', async () => {
  const script = `const b = Buffer.alloc(64e6, 1); process.stdout.write('out'); process.stderr.write('err'); setTimeout(() => (process.exitCode = b[5] + 2), 200)`;
  const { exitCode, stdout, stderr, peakBytes, wallMs } = await measure({
    program: 'bash',
    args: ['-c', '"$0" -e "$1"; exit $?', process.execPath, script],
  });
  assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 3, stdout: 'out', stderr: 'err' });
  assert.ok(peakBytes > 64e6, `${peakBytes} bytes`);
  assert.ok(wallMs > 200);
});

test("Coffre's own figures are found in the last such line of its messages", () => {
  assert.deepEqual(parseTimings('a warning\n{"keyMs":410.5,"lockMs":200,"startMs":60}\n'), {
    keyMs: 410.5,
    lockMs: 200,
  });
  assert.deepEqual(parseTimings('{"keyMs":1}\n{"keyMs":2}\n'), { keyMs: 2, lockMs: 0 });
  assert.equal(parseTimings('{"message_type":"error"}\nnothing'), undefined);
});
