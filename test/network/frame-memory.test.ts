import v8 from 'node:v8';
import vm from 'node:vm';
import test from 'ava';
import { FrameReader } from '../../node/network/frames.ts';

test('what waits for the rest of its frame keeps nothing else alive', (t) => {
  v8.setFlagsFromString('--expose-gc');
  const collect: () => void = vm.runInNewContext('gc');
  const reader = new FrameReader(4_194_304);
  reader.push(Uint8Array.of(0, 0x20, 0, 0));
  collect();
  const before = process.memoryUsage();
  // As a peer may send it that puts one byte of a frame into a packet, and something else into the rest of it.
  for (let i = 0; i < 20_000; i++) {
    const packet = new Uint8Array(i % 100 === 0 ? 65_536 : 16);
    reader.push(packet.subarray(0, 1));
  }
  collect();
  const after = process.memoryUsage();
  t.is(reader.pendingBytes, 20_004);
  const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  t.true(grown < 2_097_152, `${grown} bytes for 20,000`);
});
