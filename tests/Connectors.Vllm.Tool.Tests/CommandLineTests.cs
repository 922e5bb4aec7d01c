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
