using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tests.Contract;

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
