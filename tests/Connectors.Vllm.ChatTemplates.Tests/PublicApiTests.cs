namespace Connectors.Vllm.ChatTemplates.Tests;

public sealed class PublicApiTests
{
    [Fact]
    public void PublicSurface_Matches_Listing() => PublicApi.MatchesListing(typeof(ChatTemplate).Assembly);
}
