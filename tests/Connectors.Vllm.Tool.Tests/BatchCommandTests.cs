using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>The command as people run it: a process of its own, a server over a socket, files on disk.</summary>
public sealed class BatchCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Batch_SomeLinesMalformed_AnswersTheOthersAndReportsEach()
    {
        await using var server = await StartServerAsync();
        var input = _folder.Write("in.jsonl", """
            {"custom_id":"a","body":{"messages":[{"role":"user","content":"one"}]}}
            {"custom_id":"b","body":{"messages":[]}}
            nonsense
            {"prompt":"two"}
            """);

        var run = await RunAsync("batch", input, "--endpoint", server.Endpoint.ToString(), "--output", _folder["out.jsonl"]);

        Assert.Equal(3, run.ExitCode);
        var rows = Rows("out.jsonl");
        Assert.Equal(["echo: one", "echo: two"], rows.Select(AnswerOf));
        Assert.Equal(["a", null], rows.Select(static row => row.GetProperty("custom_id").GetString()));
        var errors = Rows("out.errors.jsonl");
        Assert.Equal([2, 3], errors.Select(static row => row.GetProperty("error").GetProperty("line").GetInt32()));
        Assert.Equal("b", errors[0].GetProperty("custom_id").GetString());
        Assert.False(File.Exists(_folder["out.jsonl.journal"]));
    }

    [Fact]
    public async Task Batch_KilledAgainAndAgain_EndsAsIfUndisturbed()
    {
        const int Count = 600;
        await using var server = await StartServerAsync();
        var input = WritePrompts(Count);
        var random = new Random(7);
        string[] command = ["batch", input, "--endpoint", server.Endpoint.ToString(), "--output", _folder["out.jsonl"], "--parallel", "4"];
        var kills = 0;
        while (kills < 3)
        {
            using var process = Start(command);

            // Killed when it has done some work, not after some time.
            var goal = JournalLength() + random.Next(2_000, 40_000);
            while (!process.HasExited && JournalLength() < goal)
            {
                await Task.Yield();
            }

            if (process.HasExited)
            {
                break;
            }

            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            kills++;
        }

        var last = await RunAsync(command);

        Assert.Equal(0, last.ExitCode);
        Assert.True(kills > 0);
        Assert.Equal(Enumerable.Range(0, Count).Select(static index => $"echo: prompt {index}"), Rows("out.jsonl").Select(AnswerOf));
        Assert.False(File.Exists(_folder["out.errors.jsonl"]));
    }

    [Fact]
    public async Task Batch_OtherInputWithTheSameJournal_IsRefused()
    {
        await using var server = await StartServerAsync();
        await using (var journal = BatchJournal.Open(_folder["out.jsonl.journal"], "0000000000000000", false))
        {
        }

        var run = await RunAsync("batch", WritePrompts(1), "--endpoint", server.Endpoint.ToString(), "--output", _folder["out.jsonl"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("other settings", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_SixteenShards_MergeToTheWhole()
    {
        const int Count = 100;
        await using var server = await StartServerAsync();
        var input = WritePrompts(Count);
        for (var shard = 1; shard <= 16; shard++)
        {
            var part = await RunAsync(
                "batch", input, "--endpoint", server.Endpoint.ToString(), "--shard", $"{shard}/16", "--output", _folder[$"part-{shard}.jsonl"]);
            Assert.Equal(0, part.ExitCode);
        }

        var merge = await RunAsync(
            ["batch", "merge", .. Enumerable.Range(1, 16).Select(shard => _folder[$"part-{shard}.jsonl"]), "--output", _folder["all.jsonl"]]);

        Assert.Equal(0, merge.ExitCode);
        Assert.Equal(Enumerable.Range(0, Count).Select(static index => $"echo: prompt {index}"), Rows("all.jsonl").Select(AnswerOf));
    }

    [Fact]
    public async Task Batch_NoServerNamed_SaysWhatToGive()
    {
        var run = await RunAsync("batch", WritePrompts(1));
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--endpoint", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_OutputInAFolderThatIsNotThere_StopsBeforeAnythingIsSent()
    {
        await using var server = await StartServerAsync();
        var run = await RunAsync("batch", WritePrompts(1), "--endpoint", server.Endpoint.ToString(), "--output", _folder["missing/out.jsonl"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Empty(server.Requests);
    }

    /// <summary>A server whose answers repeat the question, so that a result shows which request it belongs to.</summary>
    private static async Task<VllmTestServer> StartServerAsync()
    {
        VllmTestServer? server = null;
        var options = new VllmTestServerOptions
        {
            Responder = request =>
                ScriptedReply.FromText("echo: " + QuestionIn(server!.Tokenizer.Decode([.. request.PromptIds], skipSpecialTokens: true))),
        };
        return server = await VllmTestServer.StartAsync(options, TestContext.Current.CancellationToken);
    }

    private static string QuestionIn(string prompt) => Regex.Match(prompt, "prompt \\d+|one|two", RegexOptions.RightToLeft).Value;

    private static string AnswerOf(JsonElement row) =>
        row.GetProperty("response").GetProperty("body").GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;

    private static Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "vllm-grpc"), arguments)
        { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment.Remove("VLLM_GRPC_ENDPOINT");
        return Process.Start(start)!;
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }

    private long JournalLength() => File.Exists(_folder["out.jsonl.journal"]) ? new FileInfo(_folder["out.jsonl.journal"]).Length : 0;

    private string WritePrompts(int count) =>
        _folder.Write("in.jsonl", string.Concat(Enumerable.Range(0, count).Select(static index => $$"""{"prompt":"prompt {{index}}"}""" + "\n")));

    private List<JsonElement> Rows(string name) =>
        [.. File.ReadLines(_folder[name]).Select(static line => JsonDocument.Parse(line).RootElement.Clone())];
}
