#!/usr/bin/env bash
# Runs what the tests do not: the samples as the README shows them, Chat also as native code, and benchmarks once with tiny sizes.
# With --all also Chat trimmed to a single file, and the benchmarks that take long.
set -euo pipefail
cd "$(dirname "$0")/.."
# Analyzers have their say in the solution's own build.
export RunAnalyzersDuringBuild=false
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Prints the first address in the log of a server that starts, after the words given.
wait_for_address() {
  local log="$1" after="${2:-}" address
  for _ in $(seq 120); do
    address="$(sed -n "s|.*$after\(http://[0-9.]*:[0-9]*\).*|\1|p" "$log" 2>/dev/null | head -1 || true)"
    if [ -n "$address" ]; then
      echo "$address"
      return
    fi
    sleep 0.5
  done
  echo "no address in $log:" >&2
  cat "$log" >&2
  return 1
}

echo "== building samples and benchmarks"
dotnet build eng/Samples.slnf -v q -nologo

echo "== samples/Chat"
dotnet run --no-build --project samples/Chat -- --prompt "Hello" | tee "$work/chat.txt"
test -s "$work/chat.txt"

if [ "${1:-}" = --all ]; then
  echo "== samples/Chat, trimmed, self-contained, ReadyToRun, single file"
  dotnet publish samples/Chat -c Release -r linux-x64 --self-contained -v q -nologo \
    -p:PublishTrimmed=true -p:PublishReadyToRun=true -p:PublishSingleFile=true -o "$work/chat"
  "$work/chat/chat" --prompt "Hello" > "$work/trimmed.txt"
  test -s "$work/trimmed.txt"
  ls -l "$work/chat/chat"
fi

# Native AOT links with the C toolchain (https://learn.microsoft.com/dotnet/core/deploying/native-aot#prerequisites).
echo "== samples/Chat, native AOT"
if command -v clang >/dev/null || command -v gcc >/dev/null; then
  dotnet publish samples/Chat -c Release -r linux-x64 -v q -nologo -p:PublishAot=true -o "$work/native"
  "$work/native/chat" --prompt "Hello" > "$work/native.txt"
  cmp "$work/chat.txt" "$work/native.txt"
  ls -l "$work/native/chat"
elif [ "${CI:-}" = true ]; then
  echo "native AOT needs clang or gcc" >&2
  exit 1
else
  echo "skipped: native AOT needs clang or gcc, and zlib's headers"
fi

echo "== the README's other commands that need no server"
dotnet run --no-build --project samples/TestServer -- --help > /dev/null
model=src/Connectors.Vllm.Testing/TinyModel
dotnet run --no-build --project samples/Inspect -- encode --model-dir "$model" "Hello world"
printf 'Let me look.\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>' > "$work/answer.txt"
dotnet run --no-build --project samples/Inspect -- parse --tool-parser hermes --reasoning-parser qwen3 "@$work/answer.txt" | tee "$work/parsed.txt"
grep -q 'ToolCall.*get_time' "$work/parsed.txt"

echo "== samples/SemanticKernel"
dotnet run --no-build --project samples/SemanticKernel

echo "== samples/Rag"
dotnet run --no-build --project samples/Rag | tee "$work/rag.txt"
grep -q 'plain splitter: .* chunks' "$work/rag.txt"

echo "== samples/Classify"
dotnet run --no-build --project samples/Classify | tee "$work/classify.txt"
grep -q '^unclear' "$work/classify.txt"

echo "== samples/Agents"
dotnet run --no-build --project samples/Agents | tee "$work/agents.txt"
grep -q 'noon in Paris' "$work/agents.txt"

echo "== samples/AspNet: health, tokens and server-sent events"
(cd samples/AspNet && exec bin/Debug/net10.0/AspNet --urls http://127.0.0.1:0) > "$work/aspnet.log" 2>&1 &
web=$!
address="$(wait_for_address "$work/aspnet.log" "Now listening on: ")"
curl -sf --retry 20 --retry-connrefused --retry-delay 1 "$address/health"
curl -sf "$address/tokens?text=hello+world"
curl -sfN "$address/chat?prompt=Hello" > "$work/sse.txt"
kill "$web"
grep -q '^data: ' "$work/sse.txt"

echo "== vllm-grpc, packed and installed from a local feed; each verb"
feed="${VLLM_TEST_FEED:-$work/feed}"
if ! compgen -G "$feed/Connectors.Vllm.Tool.*.nupkg" > /dev/null; then
  dotnet pack src/Connectors.Vllm.Tool -c Release -v q -nologo -o "$feed"
fi
dotnet tool install Connectors.Vllm.Tool --tool-path "$work/tool" --source "$feed" --prerelease
tool="$work/tool/vllm-grpc"
"$tool" chat "Hello" | tee "$work/tool-chat.txt"
test -s "$work/tool-chat.txt"
"$tool" complete "Once upon a time" --max-tokens 5
"$tool" bench --num-prompts 4 --random-input-len 16 --random-output-len 8 --request-rate 50,inf --plot "$work/latency.svg"
grep -q '<svg' "$work/latency.svg"
"$tool" inspect encode --model-dir "$model" --json "Hello world" > "$work/ids.json"
grep -q '"ids":' "$work/ids.json"
"$tool" completion bash > "$work/completion.sh"
bash -n "$work/completion.sh"
"$tool" serve --port 0 > "$work/server.log" 2>&1 &
server=$!
address="$(wait_for_address "$work/server.log")"
"$tool" wait --endpoint "$address"
"$tool" health --endpoint "$address" --json
seq 50 | sed 's/.*/{"prompt": "Number &"}/' > "$work/prompts.jsonl"
"$tool" batch "$work/prompts.jsonl" --endpoint "$address" --output "$work/answers.jsonl"
test "$(wc -l < "$work/answers.jsonl")" = 50
kill "$server"
"$tool" serve --port 0 --embeddings --json > "$work/embedder.log" 2>&1 &
server=$!
address="$(wait_for_address "$work/embedder.log")"
"$tool" embed "a text" --endpoint "$address" > "$work/vector.json"
grep -q '"embedding":' "$work/vector.json"
kill "$server"
"$tool" playground --port 0 > "$work/playground.log" &
page=$!
address="$(wait_for_address "$work/playground.log")"
curl -sf "$address" | grep -q playground-key
kill "$page"

if [ "${1:-}" = --all ]; then
  echo "== vllm-grpc, native AOT"
  dotnet publish src/Connectors.Vllm.Tool -c Release -r linux-x64 -v q -nologo -p:PublishAot=true -o "$work/native-tool"
  native="$work/native-tool/vllm-grpc"
  "$native" chat "Hello" | cmp - "$work/tool-chat.txt"
  "$native" inspect encode --model-dir "$model" --json "Hello world" | cmp - "$work/ids.json"
  "$native" bench --num-prompts 4 --random-input-len 16 --random-output-len 8 --request-rate 50,inf --plot "$work/native.svg"
  grep -q '<svg' "$work/native.svg"
  ls -l "$native"
fi

if [ -x eng/smoke-benchmarks.sh ]; then
  echo "== benchmarks, tiny sizes"
  eng/smoke-benchmarks.sh "$@"
fi
