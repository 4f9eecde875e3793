// What a request is refused with: RFC 9457 problems, each with a stable code. A ledger code (DU04, TM01, ...) or one of
// the API's own stands in it; a program decides by the code, a person reads the detail.
import { refusalText } from '../../contracts/refusals.ts';

interface Kind {
  readonly status: number;
  readonly title: string;
  readonly retryAfterS?: number;
}

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['malformed', { status: 400, title: 'Malformed request' }],
  ['unknown-parameter', { status: 400, title: 'Unknown query parameter' }],
  ['unauthorised', { status: 401, title: 'Not allowed to read' }],
  ['not-found', { status: 404, title: 'Not found' }],
  ['pruned', { status: 410, title: 'This node has forgotten it' }],
  ['too-large', { status: 413, title: 'Too large' }],
  ['wrong-host', { status: 421, title: 'Not the host that was asked for' }],
  ['mempool-full', { status: 429, title: 'Too much is waiting', retryAfterS: 1 }],
  ['internal', { status: 500, title: 'Failure of the node' }],
  ['read-only', { status: 503, title: 'The node is read-only' }],
  ['not-ready', { status: 503, title: 'The node is not ready', retryAfterS: 1 }],
  ['busy', { status: 503, title: 'Too many at once', retryAfterS: 5 }],
  ['DU04', { status: 409, title: 'The reference is used' }],
]);

function kindOf(code: string): Kind {
  return kinds.get(code) ?? { status: 422, title: refusalText(code) };
}

export const problemType = 'application/problem+json';

export class Problem extends Error {
  override name = 'Problem';
  readonly code: string;
  readonly status: number;
  readonly facts: object;

  /** `facts` are further members of the body; `status` only where it is not the code's own. */
  constructor(code: string, detail: string, facts: object = {}, status?: number) {
    super(detail);
    this.code = code;
    this.status = status ?? kindOf(code).status;
    this.facts = facts;
  }

  headers(): Record<string, string> {
    const headers: Record<string, string> = { 'content-type': problemType };
    const { retryAfterS } = kindOf(this.code);
    if (retryAfterS !== undefined) headers['retry-after'] = String(retryAfterS);
    // RFC 9110 11.6.1 asks for a challenge; the scheme names the key signature that auth.ts will check.
    if (this.status === 401) headers['www-authenticate'] = 'Daybook-Key realm="ledger"';
    return headers;
  }

  body(): string {
    const { title } = kindOf(this.code);
    const type = `urn:daybook:problem:${this.code}`;
    return JSON.stringify({ type, title, status: this.status, detail: this.message, code: this.code, ...this.facts });
  }
}
