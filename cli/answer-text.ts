// The text of an HTTP answer, bounded: a node that sends without end must not fill this machine's memory.

/** More than any answer of the API by far: a page of entries is the longest. */
const answerBytesMax = 64 * 1_048_576;

/** The answer goes on beyond what any answer is. */
export class EndlessAnswerError extends Error {
  override name = 'EndlessAnswerError';
}

/** Throws EndlessAnswerError, and what the connection throws. */
export async function answerText({ body }: Response, bytesMax: number = answerBytesMax): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (body === null) return '';
  for await (const part of body as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > bytesMax) throw new EndlessAnswerError(`an answer of over ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
