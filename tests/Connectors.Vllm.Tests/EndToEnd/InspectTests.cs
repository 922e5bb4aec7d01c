using System.Diagnostics;
using System.Text.Json.Nodes;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>The verbs of samples/Inspect that look through a whole client, run as processes.</summary>
public sealed class InspectTests
{
    private const string Question = """{"role":"user","contents":[{"$type":"text","text":"Hi <|im_end|>"}]}""";

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Fact]
    public async Task Prompt_ManyLinesSomeWrong_AnswersEachInOrder()
    {
        string[] lines =
        [
            $$$$$"""{"messages":[{{{{{Question}}}}}],"unknown":1}""",
            "not json",
            "[1]",
            """{"nothing":1}""",
            """{"messages":[]}""",
            $$$$$"""{"messages":[{{{{{Question}}}}}],"options":{"additionalProperties":{"chat_template":"{% if x %}\n{{ y"}}}""",
            $$$$$"""{"messages":[{{{{{Question}}}}}],"options":{"responseFormat":{"$type":"json","schema":{"type":"object"}},"instructions":"Be kind."},"tools":[{"type":"function","function":{"name":"now","parameters":{}}}]}""",
        ];

        var answers = await RunAsync([.. lines, .. Enumerable.Repeat(lines[0], 500)], "prompt", "--model-dir", Served.TinyModelFolder);

        Assert.Equal(lines.Length + 500, answers.Length);
        var first = answers[0];
        Assert.Equal("<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n", first["text"]!.GetValue<string>());
        Assert.Equal("[[17,30]]", first["content"]!.ToJsonString());
        Assert.Contains(3258, first["stop_token_ids"]!.AsArray().Select(id => id!.GetValue<int>()));
        Assert.Null(first["constraint"]);
        Assert.NotEmpty(first["format"]!["tool_parser_reason"]!.GetValue<string>());
        Assert.Equal(["JsonException", "JsonException", "ArgumentException", "ArgumentException", "ChatTemplateException"],
            answers[1..6].Select(answer => answer["error"]!["type"]!.GetValue<string>()));
        Assert.All(answers[1..6], answer => Assert.False(answer["ok"]!.GetValue<bool>()));
        Assert.Equal((2, 1), (answers[5]["error"]!["line"]!.GetValue<int>(), answers[5]["error"]!["column"]!.GetValue<int>()));
        Assert.Equal("StructuralTag", answers[6]["constraint"]!["kind"]!.GetValue<string>());
        Assert.Contains("\"name\": \"now\"", answers[6]["text"]!.GetValue<string>());
        Assert.All(answers[7..], answer => Assert.True(JsonNode.DeepEquals(first, answer)));
    }

    [Fact]
    public async Task Prompt_CasesOfBugReports_AreRenderedWithEverythingInThem()
    {
        var templates = new Dictionary<string, string>
        {
            ["llama31"] = "meta-llama-Llama-3.1-8B-Instruct", ["nemo"] = "mistralai-Mistral-Nemo-Instruct-2407", ["dsv3"] = "cfg__lenml-deepseek_v3",
        };
        var cases = (await File.ReadAllLinesAsync(TestPaths.RequireCorpus("reports/cases.jsonl"), Served.Cancel))
            .Select(line => JsonNode.Parse(line)!).Where(item => item["kind"]!.GetValue<string>() == "prompt").ToArray();
        Assert.NotEmpty(cases);
        foreach (var model in cases.GroupBy(item => item["family"]!.GetValue<string>()))
        {
            var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("inspect-").FullName);
            var config = Path.Combine(folder, "tokenizer_config.json");
            var tokens = JsonNode.Parse(await File.ReadAllTextAsync(config, Served.Cancel))!;
            (tokens["bos_token"], tokens["eos_token"]) = ("<s>", "</s>");
            await File.WriteAllTextAsync(config, tokens.ToJsonString(), Served.Cancel);
            File.Copy(TestPaths.RequireCorpus($"chat-templates/{templates[model.Key]}.jinja"), Path.Combine(folder, "chat_template.jinja"), true);

            var answers = await RunAsync([.. model.Select(item => item["input"]!.ToJsonString())], "prompt", "--model-dir", folder);

            foreach (var (item, answer) in model.Zip(answers))
            {
                Assert.Null(answer["error"]);
                var prompt = answer["text"]!.GetValue<string>();
                Assert.All(Words(item["input"]!["messages"]!), word => Assert.Contains(word, prompt, StringComparison.Ordinal));
            }
        }

        // Every text, name, argument and result; what is JSON is looked for without its white space.
        static IEnumerable<string> Words(JsonNode messages) =>
            from message in messages.AsArray()
            from content in message!["contents"]!.AsArray()
            from word in content!["$type"]!.GetValue<string>() switch
            {
                "text" => [content["text"]!.GetValue<string>()],
                "functionCall" => content["arguments"]!.AsObject().Select(member => member.Value?.ToString()).OfType<string>()
                    .Append(content["name"]!.GetValue<string>()),
                _ => content["result"] is JsonValue value ? [value.GetValue<string>()]
                    : content["result"]!.ToJsonString().Split('{', '}', '[', ']', ':', ',', '"'),
            }
            select word;
    }

    [Fact]
    public async Task Model_OfAFolder_ShowsWhatTheTemplatePrints()
    {
        var facts = Assert.Single(await RunAsync([], "model", "--model-dir", Served.TinyModelFolder));

        var printed = facts["template_prints"]!.AsObject();
        Assert.Equal(
            [
                "system", "later_system", "equal_roles", "assistant_first", "tool_calls", "tool_results", "text_beside_calls", "parallel_calls",
                "null_content_beside_calls", "arguments_as_text", "call_ids", "prints_call_ids", "reasoning", "earlier_reasoning", "images", "known",
            ],
            printed.Select(ability => ability.Key));
        Assert.True(printed["tool_calls"]!.GetValue<bool>());
        Assert.Equal("Any", printed["call_ids"]!.GetValue<string>());
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Model_OfAServer_SaysWhatWasFoundAndWhere(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, server => server.ServedModelName = "served");
        string[] arguments = ["model", "--endpoint", served.Server.Endpoint.ToString(), .. protocol == EmulatedServer.Inference
            ? ["--model-dir", Served.TinyModelFolder]
            : Array.Empty<string>()];

        var facts = Assert.Single(await RunAsync([], arguments));

        Assert.Equal("served", facts["model_id"]!.GetValue<string>());
        Assert.Equal(protocol == EmulatedServer.VllmEngine ? "VllmEngine" : "Inference", facts["protocol"]!.GetValue<string>());
        Assert.Equal("0.32.0", facts["engine_version"]?.GetValue<string>());
        Assert.Equal(8192, facts["context_length"]!.GetValue<int>());
        Assert.Contains(3258, facts["stop_token_ids"]!.AsArray().Select(id => id!.GetValue<int>()));
        Assert.Contains("logprobs", facts["capabilities"]!.AsArray().Select(name => name!.GetValue<string>()));
        Assert.Equal(0.6, facts["sampling_defaults"]!["temperature"]!.GetValue<double>(), 5);
        Assert.Equal("the server", facts["origins"]!["context_length"]!.GetValue<string>());
        Assert.NotEmpty(facts["origins"]!["tool_parser"]!.GetValue<string>());
    }

    [Fact]
    public async Task Model_OfAFolder_AnswersOnePerLine() =>
        Assert.Equal(2, (await RunAsync(["{}", "{}"], "model", "--model-dir", Served.TinyModelFolder)).Length);

    private static async Task<JsonNode[]> RunAsync(string[] lines, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "inspect.dll"), .. arguments, "--jsonl"])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Served.Cancel);
        var errors = process.StandardError.ReadToEndAsync(Served.Cancel);
        foreach (var line in lines)
        {
            await process.StandardInput.WriteLineAsync(line.AsMemory(), Served.Cancel);
        }

        process.StandardInput.Close();
        await process.WaitForExitAsync(Served.Cancel);
        Assert.Equal("", await errors);
        return [.. (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }
}
