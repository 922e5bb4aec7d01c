using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Where the server is and how to talk to it. Read once, when a client or engine is made; later changes have no effect on it.
/// Every time limit takes <see cref="Timeout.InfiniteTimeSpan"/> for none.
/// </summary>
public sealed class VllmConnectionOptions
{
    /// <summary>Environment variable with the default host name.</summary>
    public const string HostVariable = "VLLM_GRPC_HOST";

    /// <summary>Environment variable with the default port.</summary>
    public const string PortVariable = "VLLM_GRPC_PORT";

    /// <summary>Environment variable with the default <see cref="CallTimeout"/>, in seconds.</summary>
    public const string TimeoutVariable = "VLLM_GRPC_TIMEOUT";

    /// <summary>
    /// Addresses of servers that serve the same model: <c>http://host:port</c> (plain HTTP/2), <c>https://host:port</c> (TLS);
    /// <c>grpc://</c> and <c>grpcs://</c> are read as these. Several spread the requests, see <see cref="PrefixAffinity"/>.
    /// Empty means <c>VLLM_GRPC_HOST</c>:<c>VLLM_GRPC_PORT</c>, which default to localhost:9000.
    /// </summary>
    public IList<Uri> Endpoints { get; } = [];

    /// <summary>Which protocol the servers speak; <see cref="VllmProtocol.Auto"/> (the default) asks each of them once.</summary>
    public VllmProtocol Protocol { get; set; }

    /// <summary>Sent as <c>authorization: Bearer …</c>. vLLM's gRPC servers ignore it; a proxy in front may check it.</summary>
    public string? BearerToken { get; set; }

    /// <summary>Extra metadata for every call; names are lower-cased, names that end in <c>-bin</c> take base64 values.</summary>
    public IDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Trusted roots for the server's certificate, instead of those of the operating system; null uses the system's.</summary>
    public X509Certificate2Collection? RootCertificates { get; set; }

    /// <summary>The client's certificate with its private key, for mutual TLS; null sends none.</summary>
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>Checks the server's certificate instead of the built-in rules and <see cref="RootCertificates"/>; null keeps those.</summary>
    public RemoteCertificateValidationCallback? ServerCertificateValidation { get; set; }

    /// <summary>Limit for setting up a connection. Default 10 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Limit for each call but generation (health, information, embeddings …). Default <c>VLLM_GRPC_TIMEOUT</c> seconds, else 60 s.</summary>
    public TimeSpan CallTimeout { get; set; } = DefaultCallTimeout();

    /// <summary>Limit for a whole generation; null (the default) sets none. Sent to the server as <c>grpc-timeout</c>.</summary>
    public TimeSpan? GenerationTimeout { get; set; }

    /// <summary>
    /// Limit from sending a generation to its first message, which includes queueing and reading the prompt; for an answer that
    /// does not stream it is the whole generation. Null sets none. Default 10 min.
    /// </summary>
    public TimeSpan? FirstTokenTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Limit for the silence between two messages of a streamed generation. Null sets none. Default 5 min.</summary>
    public TimeSpan? BetweenTokensTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Limit for the abort request that follows a cancelled generation in the background. Default 10 s.</summary>
    public TimeSpan AbortTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Limit for the transfer of a tokenizer. Default 120 s.</summary>
    public TimeSpan TokenizerTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// Interval of HTTP/2 pings; null (the default) sends none, because older servers of the VllmEngine protocol cut a connection that
    /// pings more often than every five minutes. TCP keep-alive is always on.
    /// </summary>
    public TimeSpan? KeepAlivePingInterval { get; set; }

    /// <summary>Largest message taken from the server, in bytes. Default 256 MiB.</summary>
    public int MaxReceiveMessageBytes { get; set; } = 256 * 1024 * 1024;

    /// <summary>Largest message sent, in bytes. Default 1 GiB; servers of the Inference protocol take 32 MiB, which is checked by itself.</summary>
    public int MaxSendMessageBytes { get; set; } = 1024 * 1024 * 1024;

    /// <summary>Retrying.</summary>
    public VllmRetryOptions Retry { get; set; } = new();

    /// <summary>
    /// With several endpoints: send requests that begin with the same tokens to the same server, so that its prefix cache is
    /// reused, as long as that server is not much busier than the others. Default true.
    /// </summary>
    public bool PrefixAffinity { get; set; } = true;

    /// <summary>With several endpoints: how long a failed one is left alone before it is probed again. Default 5 s.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Fill sampling values that a request leaves out from the model's own defaults, as vLLM's HTTP server does. Default true.
    /// </summary>
    public bool ApplyModelSamplingDefaults { get; set; } = true;

    /// <summary>
    /// Where output constraints begin, for servers that do not tell (see <see cref="VllmCapabilities.ConstraintStart"/>); null
    /// (the default) believes the server.
    /// </summary>
    public ConstraintStart? ConstraintStart { get; set; }

    /// <summary>Makes options for one address.</summary>
    /// <exception cref="ArgumentException">The address is not an absolute http, https, grpc or grpcs URI.</exception>
    public static VllmConnectionOptions ForEndpoint(string address)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(address);
        var options = new VllmConnectionOptions();
        options.Endpoints.Add(EndpointAddress.Parse(address));
        return options;
    }

    internal VllmConnectionOptions Clone()
    {
        var copy = new VllmConnectionOptions
        {
            Protocol = Protocol,
            BearerToken = BearerToken,
            RootCertificates = RootCertificates,
            ClientCertificate = ClientCertificate,
            ServerCertificateValidation = ServerCertificateValidation,
            ConnectTimeout = ConnectTimeout,
            CallTimeout = CallTimeout,
            GenerationTimeout = GenerationTimeout,
            FirstTokenTimeout = FirstTokenTimeout,
            BetweenTokensTimeout = BetweenTokensTimeout,
            AbortTimeout = AbortTimeout,
            TokenizerTimeout = TokenizerTimeout,
            KeepAlivePingInterval = KeepAlivePingInterval,
            MaxReceiveMessageBytes = MaxReceiveMessageBytes,
            MaxSendMessageBytes = MaxSendMessageBytes,
            Retry = Retry.Clone(),
            PrefixAffinity = PrefixAffinity,
            ProbeInterval = ProbeInterval,
            ApplyModelSamplingDefaults = ApplyModelSamplingDefaults,
            ConstraintStart = ConstraintStart,
        };
        foreach (var endpoint in Endpoints)
        {
            copy.Endpoints.Add(EndpointAddress.Normalize(endpoint));
        }

        if (copy.Endpoints.Count == 0)
        {
            copy.Endpoints.Add(EndpointAddress.FromEnvironment());
        }

        foreach (var (name, value) in Metadata)
        {
            copy.Metadata[name] = value;
        }

        copy.Check();
        return copy;
    }

    private void Check()
    {
        Positive(ConnectTimeout, nameof(ConnectTimeout));
        Positive(CallTimeout, nameof(CallTimeout));
        Positive(GenerationTimeout, nameof(GenerationTimeout));
        Positive(FirstTokenTimeout, nameof(FirstTokenTimeout));
        Positive(BetweenTokensTimeout, nameof(BetweenTokensTimeout));
        Positive(AbortTimeout, nameof(AbortTimeout));
        Positive(TokenizerTimeout, nameof(TokenizerTimeout));
        Positive(KeepAlivePingInterval, nameof(KeepAlivePingInterval));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxReceiveMessageBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxSendMessageBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(ProbeInterval, TimeSpan.Zero);
        if (BearerToken is not null && MetadataRules.Explain("authorization", BearerToken) is not null)
        {
            throw new ArgumentException($"{nameof(BearerToken)} holds characters that are not printable ASCII (a line break at its end?).");
        }

        foreach (var (name, value) in Metadata)
        {
            if (MetadataRules.Explain(name, value) is { } error)
            {
                throw new ArgumentException(error);
            }
        }

        static void Positive(TimeSpan? limit, string name)
        {
            if (limit <= TimeSpan.Zero && limit != Timeout.InfiniteTimeSpan)
            {
                throw new ArgumentOutOfRangeException(name, limit, "A time limit must be above zero, or Timeout.InfiniteTimeSpan for none.");
            }
        }
    }

    private static TimeSpan DefaultCallTimeout() =>
        double.TryParse(Environment.GetEnvironmentVariable(TimeoutVariable), System.Globalization.CultureInfo.InvariantCulture, out var seconds)
            && seconds > 0 && seconds < TimeSpan.MaxValue.TotalSeconds / 2
            ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.FromSeconds(60);
}

/// <summary>
/// How often and how fast a call is sent again. Only calls that have received nothing yet, and only failures that say the server
/// did not work on the request (unreachable, refused stream, UNAVAILABLE), are retried.
/// </summary>
public sealed class VllmRetryOptions
{
    /// <summary>Retries after the first attempt, 0 to 10; 0 turns retrying off. Default 3.</summary>
    public int MaxRetries { get; set; } = 3;

    /// <summary>Delay before the first retry; doubled each time, with jitter. Default 200 ms.</summary>
    public TimeSpan BaseDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest delay. Default 5 s.</summary>
    public TimeSpan MaxDelay { get; set; } = TimeSpan.FromSeconds(5);

    internal VllmRetryOptions Clone() => (VllmRetryOptions)MemberwiseClone();
}
