#!/usr/bin/env bash
# Runs every benchmark beside its rivals and rewrites docs/benchmarks.md. Takes about half an hour on two idle cores.
# usage: benchmarks/run-all.sh [--soak-minutes M] [--only NAME]     (NAME: tokenize, template, parse, stream, prompt, start, soak)
# An extra corpus of real templates (VLLM_TEST_CORPUS) is measured too when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
soak_minutes=1
only=""
while [ $# -gt 0 ]; do
  case "$1" in
    --soak-minutes) soak_minutes="$2"; shift 2 ;;
    --only) only="$2"; shift 2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
  esac
done

# The Python that has jinja2 is the system's own.
python=python3
[ -x /usr/bin/python3 ] && python=/usr/bin/python3
results=artifacts/benchmarks
mkdir -p "$results"
program=benchmarks/Connectors.Vllm.Benchmarks/bin/Release/net10.0/Connectors.Vllm.Benchmarks
dotnet build benchmarks/Connectors.Vllm.Benchmarks -c Release -v q -nologo >&2

measure() {
  local name="$1"
  shift
  if [ -z "$only" ] || [ "$only" = "$name" ]; then
    echo "== $name" >&2
    "$@" > "$results/$name.new" && mv "$results/$name.new" "$results/$name.txt"
  fi
}

chats() {
  dotnet build samples/Chat -c Release -v q -nologo >&2
  dotnet publish samples/Chat -c Release -r linux-x64 --self-contained -v q -nologo \
    -p:PublishTrimmed=true -p:PublishReadyToRun=true -p:PublishSingleFile=true -o artifacts/chat >&2
  dotnet publish samples/Chat -c Release -r linux-x64 -v q -nologo -p:PublishAot=true -o artifacts/chat-aot >&2
  "$program" start --chat jit=samples/Chat/bin/Release/net10.0/chat.dll,single_file=artifacts/chat/chat,native_aot=artifacts/chat-aot/chat
}

soaks() {
  "$program" soak --minutes "$soak_minutes" --parallel 64 --protocol VllmEngine
  "$program" soak --minutes "$soak_minutes" --parallel 64 --protocol Inference
  "$program" failover --minutes "$soak_minutes" --parallel 16
}

templates() {
  local folder="${VLLM_TEST_CORPUS:-}/chat-templates"
  [ -d "$folder" ] || { echo "no corpus of templates, skipped" >&2; return 0; }
  "$python" benchmarks/compare-templates.py "$folder"
}

measure tokenize node benchmarks/compare-tokenizers.mjs --tokenizers qwen3,llama3_1,gptoss,deepseek_v3
measure template templates
measure parse "$program" parse
measure stream "$program" stream
measure prompt "$python" benchmarks/compare-prompts.py
measure start chats
measure soak soaks
"$python" benchmarks/report.py "$results" > docs/benchmarks.md
