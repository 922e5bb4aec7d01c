namespace Connectors.Vllm.Tokenizers.Tests;

public sealed class PublicApiTests
{
    [Fact]
    public void PublicSurface_Matches_Listing() => PublicApi.MatchesListing(typeof(VllmTokenizer).Assembly);
}
