// Mutants of compiled sources: one small wrong each, as a slip of the pen would leave it. `mutants.ts` asks whether
// anybody notices.
import { type AnyNode, type Node, parse } from 'acorn';
import { full } from 'acorn-walk';

export interface Mutant {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** In one line, for a reader. */
  readonly what: string;
}

const swapped: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
};
const shown = 60;

/** All of them, in the order of the text. Nothing in what is only said to people: messages of errors and logs. */
export function mutantsOf(source: string): Mutant[] {
  const mutants: Mutant[] = [];
  const silent: Node[] = [];
  const tree = parse(source, { ecmaVersion: 'latest', sourceType: 'module', locations: true });
  const add = (node: Node, start: number, end: number, text: string) => {
    const what = `${brief(source.slice(start, end))}  becomes  ${brief(text)}`;
    mutants.push({ line: node.loc?.start.line ?? 0, start, end, text, what });
  };
  full(tree, (node) => {
    if (isTalk(node)) silent.push(node);
    wrongs(node as AnyNode, source, add);
  });
  const isSaid = ({ start }: Mutant) => silent.some((node) => start >= node.start && start < node.end);
  return mutants.filter((each) => !isSaid(each)).sort((a, b) => a.start - b.start || a.end - b.end);
}

type Add = (node: Node, start: number, end: number, text: string) => void;

function wrongs(node: AnyNode, source: string, add: Add): void {
  // An operand's own parentheses are no part of it.
  const whole = ({ start, end }: Node) => add(node, node.start, node.end, `(${source.slice(start, end)})`);
  if (node.type === 'BinaryExpression') {
    const { left, right, operator } = node;
    const at = source.indexOf(operator, left.end);
    const other = swapped[operator];
    if (other !== undefined) add(node, at, at + operator.length, other);
    // One too few or too many.
    if ((operator === '+' || operator === '-') && isNumber(right)) whole(left);
  } else if (node.type === 'LogicalExpression' && node.operator !== '??') {
    whole(node.left);
    whole(node.right);
  } else if (node.type === 'IfStatement') {
    add(node, node.test.start, node.test.end, 'false');
  } else if (node.type === 'ConditionalExpression') {
    add(node, node.test.start, node.test.end, 'true');
    add(node, node.test.start, node.test.end, 'false');
  } else if (node.type === 'ExpressionStatement' && isEffect(node.expression)) {
    add(node, node.start, node.end, ';');
  } else if (node.type === 'UnaryExpression' && node.operator === '!') {
    add(node, node.start, node.start + 1, '');
  } else if (node.type === 'CallExpression') {
    const { start, end } = node.callee;
    const name = source.slice(start, end);
    if (name === 'Math.min') add(node, start, end, 'Math.max');
    if (name === 'Math.max') add(node, start, end, 'Math.min');
  }
}

/** A call or an assignment; a constructor's `super` and fields cannot be left out. */
function isEffect(node: AnyNode): boolean {
  if (node.type === 'CallExpression') return node.callee.type !== 'Super';
  if (node.type === 'AwaitExpression') return isEffect(node.argument);
  return node.type === 'UpdateExpression' || node.type === 'AssignmentExpression';
}

function isTalk(node: Node): boolean {
  const each = node as AnyNode;
  if (each.type === 'ThrowStatement' || each.type === 'TemplateLiteral' || each.type === 'NewExpression')
    return each.type !== 'NewExpression' || (each.callee.type === 'Identifier' && /Error$/.test(each.callee.name));
  if (each.type !== 'CallExpression') return false;
  const { callee } = each;
  const name = callee.type === 'MemberExpression' ? callee.property : callee;
  return (
    (name.type === 'Identifier' || name.type === 'PrivateIdentifier') && /^(log|assert|invariant)$/.test(name.name)
  );
}

function isNumber(node: AnyNode): boolean {
  return node.type === 'Literal' && (typeof node.value === 'number' || typeof node.value === 'bigint');
}

function brief(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= shown ? line || 'nothing' : `${line.slice(0, shown)}…`;
}
