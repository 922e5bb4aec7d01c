namespace Connectors.Vllm.SemanticKernel.Tests;

public sealed class PublicApiTests
{
    [Fact]
    public void PublicSurface_Matches_Listing() => PublicApi.MatchesListing(typeof(VllmChatCompletionService).Assembly);
}
