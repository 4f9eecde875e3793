// A thread that does nothing but judge signatures: a batch comes in, its verdicts go back.
import { parentPort } from 'node:worker_threads';
import { judgeBatch } from './signature-batch.ts';

parentPort?.on('message', (batch: Uint8Array) => {
  const verdicts = judgeBatch(batch);
  parentPort?.postMessage(verdicts, [verdicts.buffer]);
});
