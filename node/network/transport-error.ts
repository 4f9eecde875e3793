/** The network cannot be used as configured, or a request got no answer. Says what to do where somebody can. */
export class TransportError extends Error {
  override name = 'TransportError';
}
