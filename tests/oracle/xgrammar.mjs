// One long-lived process that answers with xgrammar itself (compiled to WebAssembly): a JSON object per line in, one per line out, in order.
// Question: {tag | schema | grammar | regex, texts}. Answer: {accepts: [bool]}, or {error} where xgrammar does not compile it.
//
// The package holds xgrammar 0.1.27; servers run 0.2. Structural tags are lowered to what 0.1.27 knows, with the meaning 0.2's documentation gives:
//   optional, star, plus            grammar over the compiled content
//   tag with several ends           one tag for each end
//   tag with any_text and no end    the same without a tag: text to the end of the output
//   tags_with_separator with ""     grammar over the compiled tags
//   or                              grammar over the compiled elements (0.1.27 refuses to mix free and bounded ones)
//   max_whitespace_cnt              left out
//   excludes                        left out: more is accepted here than on a server
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

// The package calls itself a module but is a script for CommonJS.
const require = createRequire(import.meta.url);
const path = require.resolve('@mlc-ai/web-xgrammar');
const script = { exports: {} };
new Function('module', 'exports', 'require', '__filename', readFileSync(path, 'utf8')).call(globalThis, script, script.exports, require, path);
const { Grammar, Testings } = script.exports;

const literal = (text) => JSON.stringify(text);

// The text of a grammar, its root rule called "root" and its other rules prefixed.
function named(text, prefix) {
  const rules = [...text.matchAll(/^([\w.]+) ::=/gm)].map((match) => match[1]);
  const root = rules.at(-1);
  const names = new Map(rules.map((name) => [name, name === root ? prefix : `${prefix}_${name}`]));
  return text.replace(/"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|[A-Za-z_][\w.]*/g, (part) => names.get(part) ?? part);
}

// The name and text of a format's grammar; questions have many parts in common.
const known = new Map();

async function compiled(format) {
  const key = JSON.stringify(format);
  let part = known.get(key);
  if (!part) {
    const grammar = await Grammar.fromStructuralTag({ type: 'structural_tag', format });
    const name = `part${known.size}`;
    part = { name, text: named(grammar.toString(), name) };
    grammar.dispose();
    known.set(key, part);
  }
  return part;
}

// A grammar element: body is EBNF in which {0}, {1}, … stand for the formats.
async function over(body, formats) {
  const parts = [];
  for (const format of formats) {
    parts.push(await compiled(format));
  }
  const root = body.replace(/\{(\d+)\}/g, (_, index) => parts[index].name);
  return { type: 'grammar', grammar: `root ::= ${root}\n${[...new Set(parts)].map((part) => part.text).join('\n')}` };
}

const all = (formats, lowerOne) => formats.reduce(async (done, format) => [...(await done), ...[await lowerOne(format)].flat()], Promise.resolve([]));

async function tags(tag) {
  const content = await lower(tag.content);
  return [tag.end].flat().map((end) => ({ type: 'tag', begin: tag.begin, content, end }));
}

async function lower(format) {
  switch (format.type) {
    case 'const_string':
    case 'regex':
    case 'grammar':
      return format;
    case 'any_text':
      return { type: 'any_text' };
    case 'json_schema':
      return { type: 'json_schema', json_schema: format.json_schema };
    case 'sequence':
      return { type: 'sequence', elements: await all(format.elements, lower) };
    case 'or': {
      const elements = await all(format.elements, lower);
      return over(elements.map((_, index) => `{${index}}`).join(' | '), elements);
    }
    case 'optional':
      return over('{0} | ""', [await lower(format.content)]);
    case 'star':
      return over('{0}*', [await lower(format.content)]);
    case 'plus':
      return over('{0}+', [await lower(format.content)]);
    case 'tag': {
      const each = (await tags(format)).map((tag) =>
        tag.end === '' && tag.content.type === 'any_text' ? { type: 'sequence', elements: [{ type: 'const_string', value: tag.begin }, tag.content] } : tag);
      return each.length === 1 ? each[0] : over(each.map((_, index) => `{${index}}`).join(' | '), each);
    }
    case 'triggered_tags': {
      const { excludes, ...rest } = format;
      return { ...rest, tags: await all(format.tags, tags) };
    }
    case 'tags_with_separator': {
      const each = await all(format.tags, tags);
      const one = `(${each.map((_, index) => `{${index}}`).join(' | ')})`;
      const many = format.stop_after_first ? one : `${one} (${format.separator === '' ? '' : literal(format.separator)} ${one})*`;
      return over(format.at_least_one ? many : `(${many})?`, each);
    }
    default:
      throw new Error(`unknown element: ${format.type}`);
  }
}

async function grammarOf(question) {
  if (question.tag) {
    return Grammar.fromStructuralTag({ type: 'structural_tag', format: await lower(question.tag.format) });
  }
  return question.schema !== undefined
    ? Grammar.fromJSONSchema(JSON.stringify(question.schema))
    : question.grammar
      ? Grammar.fromEBNF(question.grammar)
      : Grammar.fromStructuralTag({ type: 'structural_tag', format: { type: 'regex', pattern: question.regex } });
}

process.stdout.write('{"ready":true}\n');
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const question = JSON.parse(line);
    const grammar = await grammarOf(question);
    const accepts = [];
    for (const text of question.texts) {
      accepts.push(await Testings.isGrammarAcceptString(grammar, text));
    }
    answer = question.show ? { accepts, grammar: grammar.toString() } : { accepts };
    grammar.dispose();
  } catch (error) {
    // What xgrammar throws is a number: the address of a C++ exception.
    answer = { error: typeof error === 'number' ? 'xgrammar refused it' : String(error?.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
