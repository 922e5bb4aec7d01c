using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Playground;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>What keeps other pages in the same browser out.</summary>
public sealed class PlaygroundGuardTests : IAsyncLifetime
{
    private VllmTestServer _model = null!;
    private Connection _connection = null!;
    private PlaygroundServer _playground = null!;
    private HttpClient _http = null!;
    private string _key = "";

    public async ValueTask InitializeAsync()
    {
        _model = await VllmTestServer.StartAsync(cancellationToken: TestContext.Current.CancellationToken);
        _connection = new Connection(new VllmGrpcOptions { Endpoint = _model.Endpoint }, new VllmChatClient(_model.Endpoint), null);
        _playground = await PlaygroundServer.StartAsync(_connection, 0, TestContext.Current.CancellationToken);
        _http = new HttpClient { BaseAddress = _playground.Address };
        _key = Regex.Match(
            await _http.GetStringAsync("/", TestContext.Current.CancellationToken), "playground-key\" content=\"([0-9a-f]{32})\"").Groups[1].Value;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _playground.DisposeAsync();
        await _connection.DisposeAsync();
        await _model.DisposeAsync();
    }

    [Theory]
    [InlineData(null, null, null, HttpStatusCode.Forbidden)]
    [InlineData("wrong", null, null, HttpStatusCode.Forbidden)]
    [InlineData("right", "http://evil.example", null, HttpStatusCode.Forbidden)]
    [InlineData("right", "null", null, HttpStatusCode.Forbidden)]
    [InlineData("right", null, "evil.example", HttpStatusCode.Forbidden)]
    [InlineData("right", null, null, HttpStatusCode.OK)]
    public async Task Call_WithKeyOriginAndHost_IsAnsweredToOurPageOnly(string? key, string? origin, string? host, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/prompt")
        { Content = JsonContent.Create(new { messages = new[] { new { role = "user", content = "Hi" } } }) };
        if (key is not null)
        {
            request.Headers.Add(PlaygroundServer.KeyHeader, key == "right" ? _key : new string('0', 32));
        }

        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        request.Headers.Host = host;
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Page_Any_HasAPolicyWithoutExternalAddresses()
    {
        using var response = await _http.GetAsync(new Uri("/", UriKind.Relative), TestContext.Current.CancellationToken);
        var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'", policy, StringComparison.Ordinal);
        foreach (var file in new[] { "/", "/playground.js", "/playground.css" })
        {
            Assert.DoesNotContain("http://", await _http.GetStringAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
            Assert.DoesNotContain("https://", await _http.GetStringAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Prompt_MalformedBody_IsAnErrorInWords()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/prompt") { Content = new StringContent("{") };
        request.Headers.Add(PlaygroundServer.KeyHeader, _key);
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("error", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
