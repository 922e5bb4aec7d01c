using System.Reflection;

namespace Connectors.Vllm.OutputParsing.Tests;

public class PublicApiTests
{
    [Fact]
    public void PublicSurface_ComparedWithListing_IsUnchanged() => PublicApi.MatchesListing(Assembly.Load("Connectors.Vllm.OutputParsing"));
}
