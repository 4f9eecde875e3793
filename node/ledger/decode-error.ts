/** Bytes or text from outside that are not of the one accepted form. Thrown at the edge only, and caught there. */
export class DecodeError extends Error {
  override name = 'DecodeError';
}
