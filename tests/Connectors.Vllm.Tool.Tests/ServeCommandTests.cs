using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Tests;

/// <summary><c>serve</c> as a process: scripted, recording, replaying.</summary>
public sealed class ServeCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Serve_ScriptThenRecordThenReplay_GivesTheSameAnswers()
    {
        var script = _folder.Write("script.jsonl", """
            {"match":"weather","text":"Sunny."}
            {"match":"nothing","status":3,"detail":"not today"}
            {"text":"First."}
            {"text":"Second."}
            """);
        using var scripted = new Serving("--script", script);
        var endpoint = await scripted.EndpointAsync();
        using var recorder = new Serving("--upstream", endpoint, "--record", _folder["exchanges.jsonl"]);
        string[] questions = ["The weather?", "Hello", "Hello again"];

        var recorded = await AskAsync(await recorder.EndpointAsync(), questions);
        using var replay = new Serving("--replay", _folder["exchanges.jsonl"]);
        var replayed = await AskAsync(await replay.EndpointAsync(), questions);
        var refused = await ToolProcess.RunAsync("chat", "nothing", "--endpoint", endpoint);

        Assert.Equal(["Sunny.", "First.", "Second."], recorded);
        Assert.Equal(recorded, replayed);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("not today", refused.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--record requires --upstream", "serve", "--record", "x")]
    [InlineData("is not a number from 0 to 65535", "serve", "--port", "many")]
    [InlineData("is not an IP address", "serve", "--host", "nowhere", "--port", "0")]
    [InlineData("reply 1", "serve", "--script", "SCRIPT")]
    [InlineData("pass --model-dir FOLDER or --tokenizer FILE", "inspect", "encode", "x")]
    [InlineData("not recognized", "completion", "tcsh")]
    public async Task Tool_WrongCommandLine_SaysWhatAndEndsWithTwo(string words, params string[] arguments)
    {
        var script = _folder.Write("bad.jsonl", """{"txt":"typo"}""");
        var run = await ToolProcess.RunAsync([.. arguments.Select(argument => argument == "SCRIPT" ? script : argument)]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Completion_OfEachShell_AsksTheToolWhichSuggestsVerbsAndOptions()
    {
        foreach (var shell in new[] { "bash", "zsh", "fish", "pwsh" })
        {
            Assert.Contains("[suggest:", (await ToolProcess.RunAsync("completion", shell)).Output, StringComparison.Ordinal);
        }

        Assert.Equal("batch", (await ToolProcess.RunAsync("[suggest:13]", "vllm-grpc bat")).Output.Trim());
        Assert.Equal("--prefix-window", (await ToolProcess.RunAsync("[suggest:20]", "vllm-grpc batch --pr")).Output.Trim());
    }

    private static async Task<List<string>> AskAsync(string endpoint, string[] questions)
    {
        using var client = new VllmChatClient(endpoint);
        List<string> answers = [];
        foreach (var question in questions)
        {
            answers.Add((await client.GetResponseAsync(question, cancellationToken: Token)).Text);
        }

        return answers;
    }

    /// <summary>A running <c>serve</c>.</summary>
    private sealed class Serving(params string[] arguments) : IDisposable
    {
        private readonly Process _process = ToolProcess.Start(["serve", "--port", "0", "--delay", "0", "--json", .. arguments]);

        public async Task<string> EndpointAsync() =>
            JsonElement.Parse((await _process.StandardOutput.ReadLineAsync(Token))!).GetProperty("endpoint").GetString()!;

        public void Dispose()
        {
            _process.Kill();
            _process.Dispose();
        }
    }
}
