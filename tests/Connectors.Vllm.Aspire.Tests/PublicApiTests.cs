using Aspire.Hosting;

namespace Connectors.Vllm.Aspire.Tests;

public sealed class PublicApiTests
{
    [Fact]
    public void PublicSurface_OfTheClient_MatchesListing() => PublicApi.MatchesListing(typeof(AspireVllmBuilder).Assembly);

    [Fact]
    public void PublicSurface_OfHosting_MatchesListing() => PublicApi.MatchesListing(typeof(VllmResourceBuilderExtensions).Assembly);
}
