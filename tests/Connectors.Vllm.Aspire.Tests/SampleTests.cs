using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Aspire.Tests;

/// <summary>samples/Aspire under Aspire's own orchestrator: the AppHost with the test server, and the service as a process of its own.</summary>
public sealed class SampleTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AppHost_TestServer_ServiceStreamsCallsAToolAndIsTraced()
    {
        await using var traces = await TraceReceiver.StartAsync(Token);
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.AppHost>(Token);
        builder.CreateResourceBuilder<ProjectResource>("chat")
            .WithEnvironment("OTEL_EXPORTER_OTLP_ENDPOINT", traces.Endpoint)
            .WithEnvironment("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .WithEnvironment("OTEL_BSP_SCHEDULE_DELAY", "100");
        await using var application = await builder.BuildAsync(Token);
        await application.StartAsync(Token);
        await application.ResourceNotifications.WaitForResourceHealthyAsync("chat", Token);

        using var client = application.CreateHttpClient("chat", "http");
        var stream = await client.GetStringAsync(new Uri("/chat?question=What%20time%20is%20it%3F", UriKind.Relative), Token);

        var events = stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.True(events.Length > 1, stream);
        Assert.All(events, item => Assert.StartsWith("data: ", item, StringComparison.Ordinal));
        var (chat, all) = await traces.WaitForAsync(IsAnswered, Token);
        var request = (await traces.WaitForAsync(span => span.Name == "GET /chat", Token)).Span;
        Assert.Equal(TinyModel.Name, Attribute(chat, "gen_ai.response.model")?.Text);
        Assert.Equal(request.TraceId, chat.TraceId);
        Assert.Contains(all, span => span.Name == "execute_tool get_time");
    }

    /// <summary>The chat span of an answer; the one before it asked for the tool.</summary>
    private static bool IsAnswered(Span span) =>
        span.Name.StartsWith("chat", StringComparison.Ordinal) && Attribute(span, "gen_ai.usage.output_tokens")?.Number > 0;

    private static AttributeValue? Attribute(Span span, string key) => span.Attributes.FirstOrDefault(attribute => attribute.Key == key)?.Value;
}
