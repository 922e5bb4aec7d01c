// One long-lived process that answers questions about tokenizers with the reference implementation: a JSON object per line in, one per
// line out, in order. Operations: load {path}, encode {texts, special}, decode {lists, skip}, normalize {texts}, pieces {texts},
// tiktoken {path, pattern, specials}, tiktoken-encode {texts}, tiktoken-decode {lists}.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';

let tokenizer;
let tiktoken;

const operations = {
  async load({ path }) {
    const { Tokenizer } = await import('tokenizers');
    tokenizer = Tokenizer.fromFile(path);
    tokenizer.disableTruncation();
    tokenizer.disablePadding();
    return { size: tokenizer.getVocabSize(true) };
  },
  async encode({ texts, special }) {
    const ids = [];
    const spans = [];
    for (const text of texts) {
      const encoding = await tokenizer.encode(text, null, { addSpecialTokens: special });
      ids.push(Array.from(encoding.getIds()));
      spans.push(Array.from(encoding.getOffsets()));
    }
    return { ids, spans };
  },
  async decode({ lists, skip }) {
    const texts = [];
    for (const list of lists) {
      texts.push(await tokenizer.decode(list, skip));
    }
    return { texts };
  },
  async normalize({ texts }) {
    const normalizer = tokenizer.getNormalizer();
    return { texts: texts.map((text) => (normalizer ? normalizer.normalizeString(text) : text)) };
  },
  async pieces({ texts }) {
    const preTokenizer = tokenizer.getPreTokenizer();
    return { pieces: texts.map((text) => preTokenizer.preTokenizeString(text).map(([piece]) => piece)) };
  },
  async tokens({ ids }) {
    return { tokens: ids.map((id) => tokenizer.idToToken(id) ?? null) };
  },
  async tiktoken({ path, pattern, specials }) {
    const { Tiktoken } = await import('tiktoken');
    tiktoken?.free();
    tiktoken = new Tiktoken(tiktokenRanks(path), specials, pattern);
    return {};
  },
  async 'tiktoken-encode'({ texts }) {
    return { ids: texts.map((text) => Array.from(tiktoken.encode(text, 'all'))) };
  },
  async 'tiktoken-decode'({ lists }) {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    return { texts: lists.map((list) => utf8.decode(tiktoken.decode(new Uint32Array(list)))) };
  },
};

// The reference wants OpenAI's compact form: "! first-rank token token ...", one line per run of consecutive ranks.
function tiktokenRanks(path) {
  const ranks = readFileSync(path, 'utf8').split('\n').filter((line) => line).map((line) => line.split(' '));
  const lines = [];
  let next = -1;
  for (const [token, rank] of ranks) {
    if (Number(rank) !== next) {
      lines.push(['!', rank]);
    }
    lines[lines.length - 1].push(token);
    next = Number(rank) + 1;
  }
  return lines.map((line) => line.join(' ')).join('\n');
}

process.stdout.write('{"ready":true}\n');
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let answer;
  try {
    const { op, ...rest } = JSON.parse(line);
    answer = await operations[op](rest);
  } catch (error) {
    answer = { error: String(error?.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
