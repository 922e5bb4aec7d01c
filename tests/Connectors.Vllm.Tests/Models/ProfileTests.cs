using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Models;

/// <summary>A profile made from a folder.</summary>
public sealed class ProfileTests
{
    [Fact]
    public async Task FromDirectoryAsync_NoModelIdGiven_IsNamedAfterTheFolder()
    {
        var profile =
            await VllmModelProfile.FromDirectoryAsync(Served.TinyModelFolder + Path.DirectorySeparatorChar, cancellationToken: Served.Cancel);

        Assert.Equal(Path.GetFileName(Served.TinyModelFolder), profile.ModelId);
    }

    [Fact]
    public async Task FromDirectoryAsync_MistralFolderOfOneFile_GoesOnWithAnyHistory()
    {
        var profile = await VllmModelProfile.FromDirectoryAsync(MistralTokenizers.Folder("v3-tekken"), cancellationToken: Served.Cancel);

        var prompt = VllmPromptPreview.Create(
            profile,
            [
                new(ChatRole.User, "Weather?"),
                new(ChatRole.Assistant, [
                    new TextContent("Let me see."),
                    new FunctionCallContent("call_1", "get_weather", new Dictionary<string, object?> { ["city"] = "Oslo" }),
                    new FunctionCallContent("call_2", "get_weather", new Dictionary<string, object?> { ["city"] = "Rome" })]),
                new(ChatRole.Tool, [new FunctionResultContent("call_1", "cold"), new FunctionResultContent("call_2", "warm")]),
                new(ChatRole.User, "And?"),
            ],
            new ChatOptions { Tools = [SampleTools.Weather] }).Text;

        Assert.Equal("MistralRenderer", profile.TemplateOrigin);
        Assert.All(
            ["Weather?", "Let me see.", "Oslo", "Rome", "cold", "warm", "And?"], word => Assert.Contains(word, prompt, StringComparison.Ordinal));
    }

    [Fact]
    public async Task FormatFor_OneParserNamed_ChoosesTheOtherAsForTheModel()
    {
        var profile = await VllmModelProfile.FromDirectoryAsync(Served.TinyModelFolder, cancellationToken: Served.Cancel);

        var format = profile.FormatFor("llama3_json", null);

        Assert.Equal("llama3_json", format.ToolParser);
        Assert.Equal(profile.Format.ReasoningParser, format.ReasoningParser);
        Assert.Equal(profile.Format.ReasoningParserReason, format.ReasoningParserReason);
        Assert.Same(profile.Format, profile.FormatFor(null, null));
    }
}
