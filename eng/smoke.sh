#!/usr/bin/env bash
# Runs what the tests do not: the Chat sample as the README shows it and trimmed to a single file, and every benchmark
# once with tiny sizes.
set -euo pipefail
cd "$(dirname "$0")/.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

echo "== samples/Chat"
dotnet run --project samples/Chat -- --prompt "Hello" | tee "$work/chat.txt"
test -s "$work/chat.txt"

echo "== samples/Chat, trimmed, self-contained, ReadyToRun, single file"
dotnet publish samples/Chat -c Release -r linux-x64 --self-contained -v q -nologo \
  -p:PublishTrimmed=true -p:PublishReadyToRun=true -p:PublishSingleFile=true -o "$work/chat"
"$work/chat/chat" --prompt "Hello" > "$work/trimmed.txt"
test -s "$work/trimmed.txt"
ls -l "$work/chat/chat"

if [ -x eng/smoke-benchmarks.sh ]; then
  echo "== benchmarks, tiny sizes"
  eng/smoke-benchmarks.sh
fi
