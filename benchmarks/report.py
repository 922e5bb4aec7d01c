"""Writes docs/benchmarks.md from the results that run-all.sh collected. usage: report.py FOLDER > docs/benchmarks.md"""

import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

FOLDER = pathlib.Path(sys.argv[1])
NOTES = pathlib.Path(__file__).with_name("notes.md")

SECTIONS = [
    ("stream", "Streaming: cost per token in the client's process",
     "Ours (`connector`) does everything: transport, decoding, parsing, updates. `openai` is the OpenAI .NET client 2.15.0 reading server-sent events. `grpc_net_client` is a "
     "plain stub over Grpc.Net.Client 2.85.0, and `floor` a bare HTTP/2 and protobuf read loop: both only count the ids, which nobody can read. One server process, the same "
     "script for all; client CPU only. In the paced rows each of 256 streams gets 50 tokens a second: transit is the time from the server's write to the caller's hands, and added "
     "is what a client needs more than the floor."),
    ("prompt", "Prompt: from the call to the request, and to the first answer",
     "Template, tokenizer, request and its way over loopback until the server has the last byte (`call_to_request_ms`); then until the first message of an answer that comes at once is "
     "here. The next turn finds the conversation so far in the segment cache. The reference's time is rendering and encoding alone."),
    ("start", "Start", "Process start to the first streamed text of samples/Chat, tokenizer (11 MB) included; and what one model profile (tokenizer, template, formats) keeps at rest."),
    ("tokenize", "Tokenizers beside npm `tokenizers` (the reference) and Microsoft.ML.Tokenizers",
     "One core, warm (the JIT has been silent for 1.5 s: on one core its better code comes seconds later), median of 5. `ml` is Microsoft.ML.Tokenizers 2.0.1 with the same "
     "vocabulary as ranks, where one pattern is all that comes before byte-level BPE."),
    ("template", "Chat templates beside jinja2 and @huggingface/jinja", "Six messages each."),
    ("parse", "Output parsers", "ns and bytes per token; then, for every format, the worst of some forty outputs that no model should write, 100 KB each, and how much longer four times as much takes."),
    ("soak", "Soak", "Random cancels, faults and restarts of the server while every answer is known beforehand: lost characters must be 0."),
]


def cell(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)


def tables(lines):
    """JSON lines of the same shape become one table; anything else is passed on."""
    rows, keys, plain = [], None, []
    for line in lines:
        if not line.startswith("{"):
            plain.append(line)
            continue
        row = json.loads(line)
        row.pop("benchmark", None)
        if keys is not None and list(row) != keys:
            yield table(keys, rows)
            rows = []
        keys = list(row)
        rows.append(row)
    if rows:
        yield table(keys, rows)
    if any(line.startswith("|") for line in plain) and keys is None:
        yield "\n".join(plain)


def table(keys, rows):
    head = "| " + " | ".join(key.replace("_", " ") for key in keys) + " |"
    rule = "| " + " | ".join("---:" if isinstance(rows[0][key], (int, float)) else "---" for key in keys) + " |"
    return "\n".join([head, rule] + ["| " + " | ".join(cell(row.get(key)) for key in keys) + " |" for row in rows])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    dotnet = subprocess.run(["dotnet", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print("# Benchmarks\n")
    print(f"Measured {datetime.date.today()} on {os.cpu_count()} cores ({processor()}), {platform.system()} {platform.release()}, .NET SDK {dotnet}.")
    print("Repeat with `benchmarks/run-all.sh`, or one part with `--only NAME`. Absolute times drift with the machine; the ratios within one run count.\n")
    if NOTES.exists():
        print(NOTES.read_text().strip() + "\n")
    for name, title, text in SECTIONS:
        results = FOLDER / f"{name}.txt"
        if not results.exists():
            continue
        print(f"## {title}\n\n{text} `{name}`\n")
        for part in tables(results.read_text().splitlines()):
            print(part + "\n")


main()
