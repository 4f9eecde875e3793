// Whether a policy can be met at all in a log, and what a checkpoint lacks under it: both said in the policy's own
// names.
import test from 'ava';
import { proofAt } from '../../node/api/proof.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { parsePolicy, policyProblem, validatorPolicy } from '../../node/audit/policy.ts';
import { judgeByPolicy, policyMisfit, unservedReason } from '../../node/audit/policy-fit.ts';
import { verifyProofReceipt } from '../../node/audit/receipt-check.ts';
import { originOf, parseCheckpointText } from '../../node/ledger/checkpoint.ts';
import { digestBytes, sha256 } from '../../node/ledger/hash.ts';
import { parseNote } from '../../node/ledger/note.ts';
import { SetChain } from '../../node/ledger/set-chain.ts';
import { publicKeyOf } from '../../node/ledger/signature.ts';
import { formatVerifierKey, verifierKey } from '../../node/ledger/verifier-key.ts';
import { TestNode } from '../api/_node.ts';
import { TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChangedChain, setLinksOf } from './_chain.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const ledger = buildChangedChain();
const log = ledger.logName;
const { validators } = ledger.genesis;
const latest = ledger.validatorsAt(ledger.store.head().height);
const founding = validatorPolicy(log, validators, undefined);
const present = validatorPolicy(log, latest, undefined);
const parsed = (text: string) => parsePolicy(utf8(text));

const noteKey = (name: string) => formatVerifierKey(verifierKey(name, 'note', publicKeyOf(sha256(utf8(name)))));
const witness = (name: string) => formatVerifierKey(verifierKey(name, 'cosignature', publicKeyOf(sha256(utf8(name)))));
const w1 = 'witness.example/w1';
const outside = founding.replace(
  'quorum validators',
  `witness w1 ${witness(w1)}\ngroup bank all validators w1\nquorum bank`,
);

function judgedAt(height: number, policy: string) {
  const note = parseNote(ledger.checkpointNote(height) ?? new Uint8Array(0));
  const checkpoint = parseCheckpointText(note.text);
  return judgeByPolicy(parsed(policy), log, ledger.validatorsAt(height), { checkpoint, note });
}

test('a policy for another log, or of another ledger’s validators, is none that any checkpoint here can meet', (t) => {
  const other = new TestLedger({ ...testGenesis(), name: 'daybook.example/other' });
  const strangers = validatorPolicy(other.logName, other.genesis.validators, undefined);
  t.regex(
    policyMisfit(parsed(strangers), log) ?? '',
    /validators has 0 of the 3 .*v1 \(daybook\.example\/other\/validator\/node-0\).*are validators of another ledger/,
  );
  const elsewhere = `log ${noteKey('other.example/log')}\n${founding}`;
  t.regex(
    policyMisfit(parsed(elsewhere), log) ?? '',
    /is for the log other\.example\/log, and this one is daybook\.example\/test\//,
  );
  t.is(policyMisfit(parsed(`log ${noteKey(originOf(log))}\n${elsewhere}`), log), undefined, 'any one log is enough');
  t.is(policyMisfit(parsed(founding), log), undefined);
  t.is(policyMisfit(parsed('quorum none'), log), undefined);
});

test('validators are those of the size: former ones meet no policy later, nor the present ones before', (t) => {
  const { height } = ledger.store.head();
  t.is(judgedAt(2, founding), undefined);
  t.is(judgedAt(height, present), undefined);
  for (const [at, policy] of [
    [height, founding],
    [2, present],
  ] as const) {
    const unmet = judgedAt(at, policy);
    t.is(unmet?.rule, 'policy-fit');
    t.regex(
      unmet?.detail ?? '',
      /has 2 of the 3 that it needs, without v\d .*no validators of it at this size, or have other keys/,
    );
  }
  const imposters = testGenesis().validators.map((each) => ({ ...each, auditKey: publicKeyOf(sha256(each.auditKey)) }));
  t.regex(policyMisfit(parsed(validatorPolicy(log, imposters, undefined)), log, validators) ?? '', /have other keys/);
});

test('what a checkpoint lacks is said by group, threshold and name', (t) => {
  const strict = judgedAt(2, founding.replace('validators 3', 'validators all'));
  t.deepEqual(strict, {
    rule: 'policy',
    detail:
      'it does not carry the cosignatures that the policy demands: ' +
      'validators has 3 of the 4 that it needs, without v4 (daybook.example/test/validator/node-3)',
  });
  t.regex(
    judgedAt(2, outside)?.detail ?? '',
    /bank has 1 of the 2 that it needs, without w1 \(witness\.example\/w1\)$/,
  );
  const note = parseNote(ledger.checkpointNote(2) ?? new Uint8Array(0));
  const short = { ...note, signatures: note.signatures.slice(2) };
  t.regex(
    policyProblem(parsed(outside), parseCheckpointText(note.text), short) ?? '',
    /bank has 0 of the 2 .* without validators has 1 of the 3 that it needs, without v1 .*, v2 .*, v4 .*, w1 /,
  );
});

test('what no node serves is known beforehand: an outside witness, and more validators than a quorum', (t) => {
  t.is(unservedReason(parsed(founding), log, validators), undefined);
  t.regex(unservedReason(parsed(outside), log, validators) ?? '', /that no node serves: bank has 1 of the 2/);
  const all = parsed(founding.replace('validators 3', 'validators all'));
  t.regex(unservedReason(all, log, validators) ?? '', /demands 4 validators, and a node serves .* exactly 3/);
  const either = parsed(outside.replace('bank all', 'bank any'));
  t.is(unservedReason(either, log, validators), undefined);
});

class ChangedNode extends TestNode {
  override readonly ledger = ledger;
}

test('a receipt of each epoch is held to a policy of the validators of its size', (t) => {
  const node = new ChangedNode();
  const sets = new SetChain(digestBytes(log.chainId), validators);
  for (const link of setLinksOf(ledger)) t.is(sets.add(link), undefined);
  const ruleOf = (receipt: Uint8Array, policy: string) => {
    try {
      verifyProofReceipt(receipt, ledger.genesis, { policy: parsed(policy), sets });
      return undefined;
    } catch (error) {
      return error instanceof FindingError ? error.finding.rule : error;
    }
  };
  const [early, late] = [2, ledger.store.head().logSize - 2].map((index) => utf8(proofAt(node, index) ?? ''));
  if (early === undefined || late === undefined) return t.fail('two receipts');
  t.deepEqual(
    [ruleOf(early, founding), ruleOf(early, present), ruleOf(late, present), ruleOf(late, founding)],
    [undefined, 'policy-fit', undefined, 'policy-fit'],
  );
  t.is(ruleOf(early, outside), 'policy');
});
