using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Formats;

namespace Connectors.Vllm.Benchmarks.Parse;

/// <summary>What parsing one token of output costs: in plain text, in a thought, and inside a call, per format.</summary>
internal sealed class ParseBenchmark : IBenchmark
{
    private const int Rounds = 21;

    private static readonly OutputParserOptions Options = new()
    {
        Tools = [new OutputTool("write", JsonDocument.Parse("""{"type":"object","properties":{"content":{"type":"string"}}}""").RootElement)],
    };

    public string Name => "parse";

    public string Summary => "[--tokens 20000]: ns and bytes per token of plain text, thought and call, per format; ms for 100 KB of hostile output";

    public Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var tokens = arguments.Number("tokens", 20_000);
        var prose = "The quick brown fox, they say, jumps over the lazy dog; 1 < 2 holds, and so on.\nA new line follows. ";
        var source = "for (var i = 0; i < n; i++)\n{\n    total += values[i] * 2; // it's fine\n}\n";
        var json = JsonSerializer.Serialize(Fill(source, tokens * 4));
        Measure("hermes", "qwen3", "text", Fill(prose, tokens * 4));
        Measure("hermes", "qwen3", "thought", "<think>\n" + Fill(prose, tokens * 4) + "</think>");
        Measure("hermes", "qwen3", "call", $"<tool_call>\n{{\"name\": \"write\", \"arguments\": {{\"content\": {json}}}}}\n</tool_call>");
        Measure("hermes", "qwen3", "short_calls",
            Fill("<tool_call>\n{\"name\": \"write\", \"arguments\": {\"content\": \"Paris\", \"days\": 3}}\n</tool_call>\n", tokens * 4));
        Measure("qwen3_coder", "qwen3", "call",
            $"<tool_call>\n<function=write>\n<parameter=content>\n{Fill(source, tokens * 4)}</parameter>\n</function>\n</tool_call>");
        Measure("deepseek_v4", "deepseek_v4", "call",
            $"<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"write\">\n<｜DSML｜parameter name=\"content\" string=\"true\">{Fill(source, tokens * 4)}</｜DSM"
                + "L｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>");
        Measure("glm47", "glm45", "call", $"<tool_call>write<arg_key>content</arg_key><arg_value>{Fill(source, tokens * 4)}</arg_value></tool_call>");
        Measure("kimi_k2", "kimi_k2", "call",
            $"<|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{{\"content\": {json}}}<|tool_call_end|>");
        Measure("gemma4", "gemma4", "call", $"<|tool_call>call:write{{content:<|\"|>{Fill(source, tokens * 4)}<|\"|>}}<tool_call|>");
        Measure("pythonic", "none", "call", $"[write(content={json})]");
        Measure("openai", "openai_gptoss", "text", "<|channel|>final<|message|>" + Fill(prose, tokens * 4));
        Measure("openai", "openai_gptoss", "call",
            $"<|channel|>commentary to=functions.write <|constrain|>json<|message|>{{\"content\": {json}}}<|call|>");

        // One name of each format: the others are the same parser.
        foreach (var tools in FormatTable.Tools.Select(static row => row.Names.First()))
        {
            HostileOutputs.Measure(tools);
        }

        return Task.FromResult(0);
    }

    /// <summary>The reasoning parser that goes with a tool parser here.</summary>
    public static string ReasoningOf(string tools) => tools is "openai" ? "openai_gptoss" : "qwen3";

    // Four characters a token is usual; markers are not kept whole, which is the harder case.
    public static string[] Cut(string output) => [.. output.Chunk(4).Select(static chunk => new string(chunk))];

    public static string Fill(string piece, int length)
    {
        var text = new StringBuilder(length + piece.Length);
        while (text.Length < length)
        {
            text.Append(piece);
        }

        return text.ToString();
    }

    private static void Measure(string tools, string reasoning, string what, string output)
    {
        var pieces = Cut(output);
        var format = OutputFormat.FromNames(tools, reasoning);

        if (pieces.Length > 1000)
        {
            WarmUp.Run(() => Run(format, pieces));
        }

        var times = new List<double>();
        long allocated = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var start = Stopwatch.GetTimestamp();
            Run(format, pieces);
            times.Add(Stopwatch.GetElapsedTime(start).TotalNanoseconds);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        times.Sort();
        var median = times[times.Count / 2];
        JsonReport.Print(
            ("benchmark", "parse"),
            ("tools", tools),
            ("case", what),
            ("tokens", pieces.Length),
            ("ns_per_token", median / pieces.Length),
            ("total_ms", median / 1e6),
            ("bytes_per_token", (double)allocated / pieces.Length));
    }

    public static void Run(OutputFormat format, string[] pieces)
    {
        var parser = OutputParser.Create(format, Options);
        var events = new List<OutputEvent>();
        foreach (var piece in pieces)
        {
            parser.Push(piece, -1, events);
            events.Clear();
        }

        parser.Finish("stop", events);
    }
}
