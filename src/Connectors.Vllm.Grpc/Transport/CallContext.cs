using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>What a call is besides its message: where it goes, under which id and limits. Its failures are told in these terms.</summary>
internal sealed class CallContext
{
    /// <summary>A deadline further away than this is none.</summary>
    private static readonly TimeSpan Forever = TimeSpan.FromDays(1000);

    public required ServerChannel Channel { get; init; }

    public string? RequestId { get; init; }

    /// <summary>
    /// Not null: the message leaves only if <see cref="ServerChannel.Epoch"/> is still this when it is written; else the call ends in
    /// <see cref="ConnectionRenewedException"/> and the server has seen no message.
    /// </summary>
    public int? ExpectedEpoch { get; init; }

    /// <summary>Given up when the message leaves; null when nobody waits for it.</summary>
    public SendTurn? Turn { get; init; }

    /// <summary>Metadata of this call alone, checked before; it replaces entries of the options.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Limit for the whole call, also told to the server.</summary>
    public TimeSpan? Timeout { get; init => field = Finite(value); }

    /// <summary>Limit until the first message with tokens.</summary>
    public TimeSpan? FirstTokenTimeout { get; init => field = Finite(value); }

    /// <summary>Limit between two messages with tokens.</summary>
    public TimeSpan? BetweenTokensTimeout { get; init => field = Finite(value); }

    public Uri Endpoint => Channel.Endpoint;

    public CallOptions ToOptions(CancellationToken cancellationToken) => new(
        Headers(), Timeout is { } limit ? DateTime.UtcNow + limit : null, cancellationToken, credentials: Channel.Options.CallCredentials);

    private static TimeSpan? Finite(TimeSpan? limit) => limit == System.Threading.Timeout.InfiniteTimeSpan || limit > Forever ? null : limit;

    private Metadata Headers()
    {
        var options = Channel.Options;
        var headers = new Metadata();
        if (options.BearerToken is { Length: > 0 } token && Metadata?.ContainsKey("authorization") != true)
        {
            headers.Add("authorization", "Bearer " + token);
        }

        foreach (var (name, value) in options.Metadata)
        {
            if (Metadata is null || !Metadata.Keys.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                headers.Add(MetadataRules.ToEntry(name, value));
            }
        }

        foreach (var (name, value) in Metadata ?? new Dictionary<string, string>())
        {
            headers.Add(MetadataRules.ToEntry(name, value));
        }

        return headers;
    }
}

/// <summary>The right to send while others wait for it. Given up once, when the message leaves or the attempt has failed before.</summary>
internal sealed class SendTurn(SemaphoreSlim turns) : IDisposable
{
    private int _given;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _given, 1) == 0)
        {
            turns.Release();
        }
    }
}
