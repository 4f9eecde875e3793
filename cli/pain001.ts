// ISO 20022 pain.001 (customer credit transfer initiation) into payments. The XML is treated as hostile: no DTD, no
// entity beyond XML's own five, one namespace, counts and sums must agree. What the ledger does not know (names,
// addresses, agents, charges) is left out; foreign exchange (EqvtAmt) is refused.
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { isValidIBAN } from 'ibantools';
import { CliError } from './exit-codes.ts';
import { type BadLine, type Payment, type PaymentLine, readPayment } from './payment-line.ts';
import {
  child,
  children,
  optionalChild,
  optionalText,
  ownText,
  textOf,
  type XmlNode,
  XmlShapeError,
} from './xml-node.ts';

/** In these versions the parts that we read are the same, but for the form of the date. */
export const pain001Versions = ['03', '08', '09', '10', '11', '12'] as const;
const namespaces = new Set(pain001Versions.map((version) => `urn:iso:std:iso:20022:tech:xsd:pain.001.001.${version}`));

const repeated = new Set(['PmtInf', 'CdtTrfTxInf', 'Ustrd']);

export interface PaymentsRead {
  readonly lines: readonly PaymentLine[];
  readonly bad: readonly BadLine[];
}

export function readPain001(path: string, text: string): PaymentsRead {
  try {
    return readMessage(parseDocument(text));
  } catch (error) {
    if (!(error instanceof XmlShapeError)) throw error;
    throw new CliError('usage', `${path}: ${error.message}`, 'Nothing was sent. Correct the file.');
  }
}

function parseDocument(text: string): XmlNode {
  // A declaration is the way to every XML attack (XXE, entity expansion), and no bank message needs one or a CDATA
  // section. Looked for in the raw text, comments included: what hides a declaration from us might not hide it from
  // the parser.
  const markup = /<!(?!--)[A-Za-z[]*/.exec(text);
  if (markup !== null) throw new XmlShapeError(`${markup[0]} is refused: no DTD, entity or CDATA section`);
  const encoding = /^\uFEFF?<\?xml[^>]*encoding\s*=\s*["']([^"']*)["']/.exec(text)?.[1];
  if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8')
    throw new XmlShapeError(`encoding ${encoding}, not UTF-8`);
  const valid = XMLValidator.validate(text);
  if (valid !== true) {
    const { line, msg } = valid.err;
    throw new XmlShapeError(openElements(msg) ?? `line ${line}: ${msg}`);
  }
  const parsed = parseXml(text);
  const others = Object.keys(parsed).filter((key) => key !== 'Document');
  if (others.length > 0) throw new XmlShapeError('text or elements beside Document');
  const root = child(parsed, 'Document');
  const isKnown = Object.entries(root).some(
    ([key, value]) => /^@xmlns(:|$)/.test(key) && namespaces.has(String(value)),
  );
  if (!isKnown) throw new XmlShapeError(`no pain.001.001 of a known version (${pain001Versions.join(', ')})`);
  return child(root, 'CstmrCdtTrfInitn');
}

/** Where the text ends too early the parser gives the names of the elements that were left open, as a list. */
function openElements(message: string): string | undefined {
  const list = /^Invalid '\[(.*)\]' found\.$/s.exec(message)?.[1];
  const names = list === undefined ? [] : [...list.matchAll(/"([^"]*)"/g)].map(([, name]) => `<${name}>`);
  return names.length === 0 ? undefined : `the file ends within ${names.join('')}: is it cut off?`;
}

function parseXml(text: string): XmlNode {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseTagValue: false,
    parseAttributeValue: false,
    processEntities: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    transformTagName: (tag) => tag.slice(tag.indexOf(':') + 1),
    isArray: (tag) => repeated.has(tag),
  });
  try {
    const parsed: XmlNode = parser.parse(text);
    return parsed;
  } catch (error) {
    throw new XmlShapeError(error instanceof Error ? error.message : 'unreadable XML');
  }
}

function readMessage(message: XmlNode): PaymentsRead {
  const lines: PaymentLine[] = [];
  const bad: BadLine[] = [];
  const amounts: string[] = [];
  for (const block of children(message, 'PmtInf')) {
    const name = `PmtInf ${textOf(block, 'PmtInfId')}`;
    const method = textOf(block, 'PmtMtd');
    if (method !== 'TRF') throw new XmlShapeError(`${name}: PmtMtd ${method}, but only TRF is a transfer`);
    const from = accountOf(child(block, 'DbtrAcct'));
    const date = dateOf(block);
    const first = amounts.length;
    for (const transfer of children(block, 'CdtTrfTxInf')) {
      const line = amounts.length + 1;
      const read = at(`transaction ${line}`, () => readTransfer(transfer, from, date));
      amounts.push(read.amount);
      if (typeof read.payment === 'string') bad.push({ line, reference: read.reference, reason: read.payment });
      else lines.push({ line, ...read.payment });
    }
    checkTotals(name, block, amounts.slice(first));
  }
  const header = child(message, 'GrpHdr');
  textOf(header, 'NbOfTxs');
  checkTotals('GrpHdr', header, amounts);
  return { lines, bad };
}

interface Account {
  readonly id: string;
  readonly problem: string | undefined;
}

interface Transfer {
  readonly reference: string;
  readonly amount: string;
  readonly payment: Payment | string;
}

function readTransfer(transfer: XmlNode, from: Account, date: string): Transfer {
  const reference = textOf(child(transfer, 'PmtId'), 'EndToEndId');
  const instructed = child(child(transfer, 'Amt'), 'InstdAmt');
  const amount = plainDecimal(ownText(instructed, 'InstdAmt'));
  const currency = instructed['@Ccy'];
  if (typeof currency !== 'string') throw new XmlShapeError('InstdAmt has no Ccy');
  const to = accountOf(child(transfer, 'CdtrAcct'));
  const remittance = optionalChild(transfer, 'RmtInf');
  const texts = remittance === undefined ? [] : children(remittance, 'Ustrd').map((line) => ownText(line, 'Ustrd'));
  const problem =
    from.problem ?? to.problem ?? (reference === 'NOTPROVIDED' ? 'EndToEndId NOTPROVIDED names no payment' : undefined);
  const fields = { reference, date, from: from.id, to: to.id, amount, currency, purpose: texts.join(' ') };
  return { reference, amount, payment: problem ?? readPayment(fields) };
}

/** An IBAN, or the bank's own number (Othr/Id). */
function accountOf(account: XmlNode): Account {
  const id = child(account, 'Id');
  const iban = optionalText(id, 'IBAN');
  if (iban === undefined) return { id: textOf(child(id, 'Othr'), 'Id'), problem: undefined };
  return { id: iban, problem: isValidIBAN(iban) ? undefined : `IBAN ${iban}: wrong length or check digits` };
}

/** A day up to version 08; a day or a time since. */
function dateOf(block: XmlNode): string {
  const date = child(block, 'ReqdExctnDt');
  const text = optionalText(date, 'Dt') ?? optionalText(date, 'DtTm') ?? ownText(date, 'ReqdExctnDt');
  return text.slice(0, 10);
}

/** XML Schema's decimal without sign, in the ledger's form: no zero in front, no bare point. */
function plainDecimal(text: string): string {
  const match = /^\+?0*([0-9]+)(?:\.([0-9]*))?$/.exec(text);
  if (match?.[1] === undefined) throw new XmlShapeError(`"${text}" is no decimal number of at least zero`);
  return match[2] === undefined || match[2] === '' ? match[1] : `${match[1]}.${match[2]}`;
}

const sumDigits = 18; // ISO 20022: a number has at most 18 digits, 17 of them after the point

function checkTotals(name: string, node: XmlNode, amounts: readonly string[]): void {
  const count = optionalText(node, 'NbOfTxs');
  if (count !== undefined && count !== String(amounts.length))
    throw new XmlShapeError(`${name}: NbOfTxs is ${count}, but there are ${amounts.length} transactions`);
  const control = optionalText(node, 'CtrlSum');
  if (control === undefined) return;
  const sum = amounts.reduce((total, amount) => total + scaled(amount), 0n);
  if (scaled(plainDecimal(control)) !== sum)
    throw new XmlShapeError(`${name}: CtrlSum is ${control}, but the amounts add up to ${unscaled(sum)}`);
}

function scaled(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  if (fraction.length > sumDigits || whole.length > sumDigits)
    throw new XmlShapeError(`"${decimal}" has too many digits`);
  return BigInt(whole + fraction.padEnd(sumDigits, '0'));
}

function unscaled(sum: bigint): string {
  const digits = sum.toString().padStart(sumDigits + 1, '0');
  return `${digits.slice(0, -sumDigits)}.${digits.slice(-sumDigits)}`.replace(/\.?0+$/, '');
}

function at<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof XmlShapeError) throw new XmlShapeError(`${name}: ${error.message}`);
    throw error;
  }
}
