using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Chat;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>What a wrong command line, and a hostile model, make of the program.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--max-tokens", "0")]
    [InlineData("--n", "0")]
    [InlineData("--logprobs", "-1")]
    [InlineData("--temperature", "9")]
    [InlineData("--top-p", "7")]
    [InlineData("--image", "/no/such/file.png")]
    [InlineData("--schema", "/no/such/file.json")]
    [InlineData("--system", "@/no/such/file.txt")]
    [InlineData("--endpoint", "localhost")]
    [InlineData("--endpoint", "ftp://host:1")]
    [InlineData("--endpoint", "http://user:secret@host:1")]
    [InlineData("--model", "not-served")]
    [InlineData("--nonsense", "1")]
    public async Task Chat_WrongOption_IsAUsageError(string option, string value) =>
        Assert.Equal(2, (await ToolProcess.RunAsync("chat", "Hello", option, value)).ExitCode);

    [Theory]
    [InlineData("--rate", "0")]
    [InlineData("--rate", "-1")]
    [InlineData("--attempts", "0")]
    [InlineData("--prefix-window", "0")]
    [InlineData("--max-outage", "1e300")]
    [InlineData("--parallel", "many")]
    [InlineData("--shard", "0/3")]
    public async Task Batch_WrongOption_IsAUsageErrorThatNamesItAndMakesNoFile(string option, string value)
    {
        using var folder = new TemporaryFolder();

        var run = await ToolProcess.RunAsync(
            "batch", folder.WritePrompts(1), "--endpoint", "http://127.0.0.1:1", "--output", folder["out.jsonl"], option, value);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(option, run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["out.jsonl"]));
    }

    [Fact]
    public async Task Batch_InputThatIsNotThere_MakesNoFile()
    {
        using var folder = new TemporaryFolder();

        Assert.Equal(2, await ToolProgram.RunAsync(
            ["batch", folder["none.jsonl"], "--endpoint", "http://127.0.0.1:1", "--output", folder["out.jsonl"]]));

        Assert.False(File.Exists(folder["out.jsonl"]));
        Assert.False(File.Exists(folder["out.jsonl.journal"]));
    }

    [Theory]
    [InlineData("health")]
    [InlineData("wait")]
    public async Task Server_NothingListens_IsSaidAsJsonToo(string verb)
    {
        string[] limit = verb == "wait" ? ["--timeout", "0"] : [];
        var run = await ToolProcess.RunAsync([verb, "--endpoint", "http://127.0.0.1:1", "--json", .. limit]);

        Assert.Equal(1, run.ExitCode);
        var message = System.Text.Json.JsonElement.Parse(run.Output).GetProperty("message").GetString();
        Assert.Contains("Nothing listens", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_ReaderOfThePipeHasGone_EndsTheProgram()
    {
        using var folder = new TemporaryFolder();
        TinyModel.WriteTo(folder["model"]);

        var run = await ToolProcess.RunInBashAsync(
            """yes '{"text":"Hi"}' | "$@" | head -1; echo "${PIPESTATUS[1]}" """, "inspect", "encode", "--jsonl", "--model-dir", folder["model"]);

        Assert.EndsWith("}\n141\n", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("vllm-grpc", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_FileOfTwoRuns_HoldsBoth()
    {
        using var folder = new TemporaryFolder();
        TinyModel.WriteTo(folder["model"]);

        var run = await ToolProcess.RunInBashAsync(
            $"(\"$@\"; \"$@\") > {folder["both"]}; cat {folder["both"]}", "inspect", "decode", "--json", "--model-dir", folder["model"], "72");

        Assert.Equal(2, run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task Chat_TypedOnATerminal_IsEditedByWholeCharacters()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The command 'script' has other arguments elsewhere.");
        using var folder = new TemporaryFolder();
        await using var server = await VllmTestServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        server.Reply("Fine.");
        using var chat = ToolProcess.StartOnTerminal($"chat --endpoint {server.Endpoint}");
        await WaitForPromptAsync();

        await TypeAsync("é\U0001F600漢\u007f\u007f!\u001b[D?\r");
        await WaitForPromptAsync();
        await TypeAsync($"/save {folder["saved.json"]}\r/save\r/exit\r");
        var rest = await chat.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);

        var saved = await File.ReadAllTextAsync(folder["saved.json"], TestContext.Current.CancellationToken);
        Assert.Equal("é?!", System.Text.Json.JsonElement.Parse(saved)
            .GetProperty("messages")[0].GetProperty("content").GetString());
        Assert.Contains("/save takes a file", rest, StringComparison.Ordinal);

        async Task TypeAsync(string keys)
        {
            await chat.StandardInput.WriteAsync(keys);
            await chat.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        }

        // The prompt is drawn as its text twice, when the keys are read one by one already.
        async Task WaitForPromptAsync()
        {
            var seen = new System.Text.StringBuilder();
            var one = new char[1];
            while (!seen.ToString().EndsWith("\r> \r> ", StringComparison.Ordinal))
            {
                Assert.Equal(1, await chat.StandardOutput.ReadAsync(one, TestContext.Current.CancellationToken));
                seen.Append(one);
            }
        }
    }

    [Theory]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}")]
    [InlineData("{\"messages\":[{\"role\":\"user\",\"contents\":[{\"$type\":\"text\",\"text\":\"Hi\"}]}]}")]
    public async Task InspectPrompt_EitherFormOfMessages_IsInThePrompt(string request)
    {
        using var folder = new TemporaryFolder();
        TinyModel.WriteTo(folder["model"]);

        var run = await ToolProcess.RunAsync("inspect", "prompt", "--model-dir", folder["model"], request);

        Assert.Contains("⟦Hi⟧", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InspectRender_MessagesThatTemplatesDoNotKnow_AreRefused()
    {
        var run = await ToolProcess.RunAsync(
            "inspect", "render", """{"template":"x","messages":[{"role":"user","contents":[{"$type":"text","text":"Hi"}]}]}""");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("inspect prompt", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "a\u241b]52;c;aGk=\u2407\n\tb\u2421c")]
    [InlineData(false, "a\u001b]52;c;aGk=\u0007\n\tb\u009bc")]
    public void Write_ControlCharactersOfAModel_DoNotReachATerminal(bool toTerminal, string expected)
    {
        var update = new ChatResponseUpdate(ChatRole.Assistant, "a\u001b]52;c;aGk=\u0007\n\tb\u009bc");
        using var output = new StringWriter();
        new TextAnswerWriter(output, colors: false, toTerminal).Write(update);
        Assert.Equal(expected, output.ToString());
    }
}
