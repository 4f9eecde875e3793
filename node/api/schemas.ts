// The shapes of requests and answers, for checking requests and for the OpenAPI document. Answers are not checked
// against them at run time: that would cost more than making them.
import { z } from 'zod';

/** A whole number as its one decimal text. */
export const wholeNumber = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/, 'not a whole number')
  .transform(Number);

export const noParameters = z.strictObject({});
export const digest = z.string().regex(/^[0-9a-f]{64}$/, 'not 64 lower-case hex digits');
export const identifierText = z.string().regex(/^[A-Z0-9-]{1,34}$/, 'not 1-34 of A-Z, 0-9 and -');
export const reference = z.string().min(1).max(35);
const base64 = z.string().meta({ description: 'bytes in base64' });
const index = z.int().meta({ description: 'place of an entry in the log' });
const height = z.int();

export const waitParameters = z.strictObject({
  wait: z.literal('final').optional().meta({ description: 'answer when the outcome is final, or after timeoutMs' }),
  timeoutMs: wholeNumber.optional().meta({ description: '10000 if absent; the node has a limit of its own' }),
});

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'a ledger code such as DU04, or malformed, too-large, mempool-full, ...' }),
  })
  .meta({ description: 'RFC 9457 problem' });

const receipt = z
  .object({
    entry: base64,
    index,
    path: z.array(z.string()).meta({ description: 'RFC 6962 inclusion path in hex, from the sibling leaf up' }),
    header: base64.meta({ description: 'header entry of the block: its logSize and logRoot are what the path proves' }),
    certificate: base64.meta({ description: 'quorum of commit signatures on the header' }),
  })
  .readonly();

const line = { line: z.int(), reference: z.string(), outcome: z.string(), index };
export const outcome = z
  .object({
    id: z.string(),
    status: z.literal('final'),
    outcome: z.string().meta({ description: 'OK, or the code it was refused with' }),
    height,
    index,
    lines: z.array(z.object(line)).optional().meta({ description: 'of a batch' }),
    receipt,
  })
  .readonly();
export const lineOutcome = z.object({ ...line, status: z.literal('final'), batch: z.string(), height, receipt });
export const pending = z.object({ id: z.string(), status: z.literal('pending') });

export const submission = z.strictObject({ transaction: base64 });
export const bulkSubmission = (itemsMax: number) =>
  z.strictObject({ transactions: z.array(z.string()).meta({ description: `at most ${itemsMax}, in base64` }) });
export const bulkResult = z.object({
  results: z.array(
    z.object({
      id: z.string().optional(),
      status: z.enum(['admitted', 'waiting', 'final', 'refused']),
      code: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
});

const account = {
  account: z.string(),
  branch: z.string(),
  currency: z.string(),
  balance: z.string().meta({ description: 'decimal text' }),
  overdraftLimit: z.string().meta({ description: 'decimal text, or none' }),
  status: z.string(),
};
const at = { height, stateRoot: z.string() };
export const accountDetail = z.object({ ...at, ...account, seq: z.int(), lastIndex: index });
export const accountPage = z.object({ ...at, accounts: z.array(z.object(account)), next: z.string().optional() });
export const accountProof = z.object({ account: z.string(), height, present: z.boolean(), proof: base64 });
export const consortium = z.object({
  height,
  members: z.array(z.object({ id: z.string(), name: z.string() })),
  users: z.array(
    z.object({
      member: z.string(),
      user: z.string(),
      publicKey: z.string(),
      roles: z.array(z.string()),
      active: z.boolean(),
    }),
  ),
  validators: z.array(
    z.object({
      id: z.string(),
      member: z.string(),
      voteKey: z.string(),
      auditKey: z.string(),
      networkKey: z.string(),
    }),
  ),
});

export const block = z
  .object({
    height,
    digest: z.string(),
    firstIndex: index,
    headerIndex: index,
    timestamp: z.int().meta({ description: 'UTC milliseconds' }),
    transactions: z.int().optional().meta({ description: 'absent where the node keeps only the header' }),
    accused: z.string().optional().meta({ description: 'validator that evidence in this block accuses' }),
    header: base64,
    certificate: base64,
  })
  .readonly();
export const blockPage = z.object({ blocks: z.array(block) });
export const entryPage = z.object({ from: index, entries: z.array(base64) });
export const checkpointPage = z.object({ checkpoints: z.array(z.object({ height: z.int(), note: z.string() })) });

export const entryProof = z.object({ index: z.int(), proof: z.string() });

export const proposal = z.object({
  height,
  member: z.string(),
  reference: z.string(),
  status: z.string(),
  failure: z.string().optional(),
  approvals: z.array(z.string()),
  changes: z.array(z.object({ kind: z.string(), what: z.string() })),
});
export const validatorSets = z.object({
  after: z.int(),
  changes: z.array(base64).meta({ description: '[header, certificate, next set] each, in the order of epochs' }),
});
export const peaks = z.object({ size: z.int(), peaks: z.array(base64) });

export const status = z
  .object({
    version: z.string(),
    chainId: z.string(),
    name: z.string(),
    validator: z.string(),
    index: z.int(),
    epoch: z.int(),
    view: z.int(),
    mode: z.string(),
    primary: z.int(),
    height,
    logSize: z.int(),
    stateRoot: z.string(),
    logRoot: z.string(),
    peers: z.array(z.int()).readonly(),
    validators: z.int(),
    quorum: z.int(),
    ready: z.boolean(),
    reason: z.string().optional(),
    readOnly: z.boolean(),
    mempool: z.object({ transactions: z.int(), bytes: z.int() }).readonly(),
    finalityMsP50: z.number().optional(),
    finalityMsP99: z.number().optional(),
    pid: z.int(),
    startedAt: z.int(),
  })
  .readonly();
