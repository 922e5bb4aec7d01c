#!/usr/bin/env python3
"""Renders the same conversations with python jinja2, npm @huggingface/jinja and this project, and prints the ratios.

    dotnet build -c Release benchmarks/Connectors.Vllm.Benchmarks
    python3 benchmarks/compare-templates.py FOLDER_OF_TEMPLATES [--messages 6] [--limit N]

Needs python3-jinja2, node, and the packages of tests/oracle (npm ci there). Prints a Markdown table.
"""

import argparse
import datetime
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

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
SYSTEM = "You are a helpful assistant. Answer in one or two sentences."
QUESTION = "Question {}: how far is the moon from the earth, and why does its distance change during a month?"
ANSWER = "Answer {}: about 384,400 km on average. Its orbit is an ellipse, so it is nearer at perigee and farther away at apogee."

NODE = r"""
import { readFileSync } from 'node:fs';
import { Template } from '@huggingface/jinja';
const { files, variables } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const results = {};
for (const file of files) {
  try {
    const template = new Template(readFileSync(file, 'utf8'));
    const once = () => template.render({ ...variables, tools: null, documents: null });
    const end = performance.now() + 250;
    let calls = 0;
    while (performance.now() < end || calls < 60) { once(); calls++; }
    const batch = Math.max(1, Math.floor(calls * 2 / 250));
    const times = [];
    for (let i = 0; i < 25; i++) {
      const start = performance.now();
      for (let call = 0; call < batch; call++) once();
      times.push((performance.now() - start) * 1000 / batch);
    }
    times.sort((a, b) => a - b);
    results[file] = times[12];
  } catch { results[file] = null; }
}
console.log(JSON.stringify(results));
"""


def conversation(count):
    turns = [{"role": "system", "content": SYSTEM}]
    for i in range(1, count):
        turns.append({"role": "user", "content": QUESTION.format(i)} if i % 2 else {"role": "assistant", "content": ANSWER.format(i)})
    return turns


def time_jinja(source, variables):
    try:
        template = jinja_oracle.ENVIRONMENT.from_string(source)
        template.render(**variables)
    except Exception:
        return None
    end = time.perf_counter() + 0.25
    calls = 0
    while time.perf_counter() < end or calls < 60:
        template.render(**variables)
        calls += 1
    batch = max(1, int(calls * 2 / 250))
    times = []
    for _ in range(25):
        start = time.perf_counter()
        for _ in range(batch):
            template.render(**variables)
        times.append((time.perf_counter() - start) * 1e6 / batch)
    return statistics.median(times)


def time_ours(folder, messages):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"messages": messages, "add_generation_prompt": True}, file)
        file.flush()
        program = ROOT / "benchmarks/Connectors.Vllm.Benchmarks/bin/Release/net10.0/Connectors.Vllm.Benchmarks.dll"
        lines = subprocess.run(
            ["dotnet", str(program), "template", "--template", str(folder), "--conversation", file.name], check=True, capture_output=True, text=True
        ).stdout.splitlines()
    return {result["template"]: result for result in map(json.loads, lines)}


def time_node(files, variables):
    script = ROOT / "tests" / "oracle" / ".compare-templates.mjs"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"files": [str(path) for path in files], "variables": variables}, file)
        file.flush()
        script.write_text(NODE)
        try:
            return json.loads(subprocess.run(["node", str(script), file.name], check=True, capture_output=True, text=True).stdout)
        finally:
            script.unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--messages", type=int, default=6)
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*.jinja"))
    messages = conversation(arguments.messages)
    variables = {**TOKENS, "messages": messages, "add_generation_prompt": True}
    jinja_oracle.Clock.now = datetime.datetime.now()
    ours = time_ours(arguments.folder, messages)
    node = time_node(files, variables)
    rows = []
    for file in files:
        result = ours[file.name]
        theirs = time_jinja(file.read_text(), {**variables, "tools": None, "documents": None})
        if theirs is not None and "render_us_median" in result:
            rows.append((file.stem, result["render_us_median"], result["render_bytes"], result["parse_us_median"], theirs, node[str(file)]))
    print(f"| template, {arguments.messages} messages | ours µs | bytes | parse µs | jinja2 µs | ratio | @huggingface/jinja µs | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")

    def show(name, own, size, parse, python, js):
        print(f"| {name} | {own:.1f} | {size:.0f} | {parse:.0f} | {python:.1f} | {python / own:.1f} | " + (f"{js:.1f} | {js / own:.1f} |" if js else "fails | |"))

    for row in rows:
        show(*row)
    columns = list(zip(*rows))
    show("**median**", *(statistics.median([value for value in column if value is not None] or [0]) for column in columns[1:]))
    ratios = [row[4] / row[1] for row in rows]
    print(f"\nRatio to jinja2: median {statistics.median(ratios):.1f}, least {min(ratios):.1f}, over {len(rows)} templates.")


if __name__ == "__main__":
    main()
