// Whatever goes wrong with a request becomes a problem here: our own, Fastify's, the schemas', and bytes that never
// became a request.
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { Problem, problemType } from './problem.ts';

/** Every error as a problem: our own as they are, Fastify's by their code, and what nobody foresaw as `internal`. */
export function problemOf(error: FastifyError | Problem): Problem {
  if (error instanceof Problem) return error;
  if (hasZodFastifySchemaValidationErrors(error)) return validationProblem(error);
  const status = error.statusCode ?? 500;
  if (status === 413) return new Problem('too-large', 'The body is over the limit. Send fewer transactions at once.');
  if (status === 415) return new Problem('malformed', 'The body must be application/json.', {}, 415);
  if (status >= 400 && status < 500) return new Problem('malformed', error.message, {}, status);
  return new Problem('internal', 'The node failed on this request; its log says why.');
}

/** What Fastify's router refuses before any route or hook is asked: it would answer in a form of its own. */
export function refusePath(error: FastifyError, url: string, reply: FastifyReply): void {
  const why = error.statusCode === 414 ? 'a part of it is too long' : 'it is not percent-encoded UTF-8';
  const problem = new Problem('malformed', `The path ${pathOf(url)} cannot be read: ${why}.`, {}, error.statusCode);
  const headers = { ...problem.headers(), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  void reply.code(problem.status).headers(headers).send(problem.body());
}

function validationProblem(error: FastifyError): Problem {
  const where = error.validationContext ?? 'request';
  const texts = (error.validation ?? []).map(({ instancePath, message }) => {
    const name = instancePath.replace(/^\//, '').replaceAll('/', '.');
    return name === '' ? (message ?? 'malformed') : `${name}: ${message ?? 'malformed'}`;
  });
  const unknown = (error.validation ?? []).some(({ keyword }) => keyword === 'unrecognized_keys');
  const code = where === 'querystring' && unknown ? 'unknown-parameter' : 'malformed';
  return new Problem(code, `${where === 'querystring' ? 'query' : where}: ${texts.join('; ')}`);
}

export function pathOf(url: string): string {
  return url.split('?', 1)[0]?.slice(0, 200) ?? '';
}

/** Bytes that never became a request: too slow, too large a head, or no HTTP. */
export function refuseConnection(code: string | undefined, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, text] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout']
        : [400, 'Bad Request'];
  const body = new Problem('malformed', 'This is no HTTP request that can be answered.', {}, status).body();
  const head = `content-type: ${problemType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${status} ${text}\r\n${head}\r\n\r\n${body}`, () => socket.destroy());
}
