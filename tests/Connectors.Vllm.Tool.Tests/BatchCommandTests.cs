namespace Connectors.Vllm.Tool.Tests;

/// <summary>The command as people run it: a process of its own, a server over a socket, files on disk.</summary>
public sealed class BatchCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Batch_SomeLinesMalformed_AnswersTheOthersAndReportsEach()
    {
        await using var server = await EchoServer.StartAsync();
        var input = _folder.Write("in.jsonl", """
            {"custom_id":"a","body":{"messages":[{"role":"user","content":"one"}]}}
            {"custom_id":"b","body":{"messages":[]}}
            nonsense
            {"prompt":"two"}
            """);

        var run = await ToolProcess.RunAsync("batch", input, "--endpoint", server.Endpoint, "--output", _folder["out.jsonl"]);

        Assert.Equal(3, run.ExitCode);
        var rows = _folder.Rows("out.jsonl");
        Assert.Equal(["echo: one", "echo: two"], rows.Select(BatchFiles.AnswerOf));
        Assert.Equal(["a", null], rows.Select(static row => row.GetProperty("custom_id").GetString()));
        var errors = _folder.Rows("out.errors.jsonl");
        Assert.Equal([2, 3], errors.Select(static row => row.GetProperty("error").GetProperty("line").GetInt32()));
        Assert.Equal("b", errors[0].GetProperty("custom_id").GetString());
        Assert.False(File.Exists(_folder["out.jsonl.journal"]));
    }

    [Fact]
    public async Task Batch_CsvWithAMalformedRow_AnswersTheOthersAndCountsAll()
    {
        await using var server = await EchoServer.StartAsync();
        var input = _folder.Write("in.csv", "name,number\nprompt,1\nalone\nprompt,2\n");

        var run = await ToolProcess.RunAsync(
            "batch", input, "--template", "{{name}} {{number}}", "--endpoint", server.Endpoint, "--output", _folder["out.jsonl"], "--json");

        Assert.Equal(3, run.ExitCode);
        Assert.Equal(["echo: prompt 1", "echo: prompt 2"], _folder.Rows("out.jsonl").Select(BatchFiles.AnswerOf));
        var error = Assert.Single(_folder.Rows("out.errors.jsonl")).GetProperty("error");
        Assert.Equal((3, "line 3: 1 columns instead of 2"), (error.GetProperty("line").GetInt32(), error.GetProperty("message").GetString()));
        Assert.Contains("\"total\":3", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_OtherInputWithTheSameJournal_IsRefused()
    {
        await using var server = await EchoServer.StartAsync();
        await using (var journal = BatchJournal.Open(_folder["out.jsonl.journal"], "0000000000000000", false))
        {
        }

        var run = await ToolProcess.RunAsync("batch", _folder.WritePrompts(1), "--endpoint", server.Endpoint, "--output", _folder["out.jsonl"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("different settings", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_NoServerNamed_SaysWhatToGive()
    {
        var run = await ToolProcess.RunAsync("batch", _folder.WritePrompts(1));
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--endpoint", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_OutputInAFolderThatIsNotThere_StopsBeforeAnythingIsSent()
    {
        await using var server = await EchoServer.StartAsync();
        var run = await ToolProcess.RunAsync(
            "batch", _folder.WritePrompts(1), "--endpoint", server.Endpoint, "--output", _folder["missing/out.jsonl"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Empty(server.Server.Requests);
    }
}
