using System.Net;
using System.Net.Http.Headers;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>
/// Fetches media addresses like a vLLM server: redirects are followed, and the VllmEngine protocol retries failures that may be transient.
/// </summary>
internal sealed class MediaFetcher : IDisposable
{
    private const int MaxBytes = 64 << 20;
    private readonly VllmEmulatorOptions _options;
    private readonly HttpClient _client;

    public MediaFetcher(VllmEmulatorOptions options)
    {
        _options = options;
        _client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = options.MediaFetchTimeout, UseProxy = false })
        {
            MaxResponseContentBufferSize = MaxBytes,
            Timeout = options.MediaFetchTimeout,
        };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("vLLM", options.EngineVersion));
    }

    /// <param name="url">An http or https address.</param>
    /// <param name="attempts">The maximum number of attempts while there is no answer or a 5xx status.</param>
    /// <param name="cancellationToken">Cancels the fetch.</param>
    public async Task<MediaFetch> FetchAsync(string url, int attempts, CancellationToken cancellationToken)
    {
        if (!_options.FetchesMedia)
        {
            return new MediaFetch(null, HttpStatusCode.OK, null);
        }

        var result = new MediaFetch(null, null, "not asked");
        for (var attempt = 0;
            attempt < attempts && result is not { Bytes: not null } and not { Status: < HttpStatusCode.InternalServerError };
            attempt++)
        {
            result = await FetchOnceAsync(url, cancellationToken).ConfigureAwait(false);
        }

        return result;
    }

    public void Dispose() => _client.Dispose();

    private async Task<MediaFetch> FetchOnceAsync(string url, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _client.GetAsync(new Uri(url), cancellationToken).ConfigureAwait(false);
            return response.IsSuccessStatusCode
                ? new MediaFetch(await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false), response.StatusCode, null)
                : new MediaFetch(null, response.StatusCode, null);
        }
        catch (Exception exception) when (exception is HttpRequestException or UriFormatException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new MediaFetch(null, null, exception is OperationCanceledException ? "the request timed out" : exception.Message);
        }
    }
}

/// <summary>The result of a fetch: bytes, a failing HTTP status, or neither.</summary>
/// <param name="Bytes">The body; null when there is none.</param>
/// <param name="Status">The HTTP status; null when the server did not answer.</param>
/// <param name="Problem">Why there is no answer; null when there is one.</param>
internal sealed record MediaFetch(byte[]? Bytes, HttpStatusCode? Status, string? Problem);
