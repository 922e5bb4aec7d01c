using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net.Security;
using Connectors.Vllm.Shared;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Where the server is and how to connect to it. Read once, when a client or engine is created; later changes have no effect on it. Every time limit
/// accepts <see cref="Timeout.InfiniteTimeSpan"/> for no limit.
/// </summary>
public sealed class VllmConnectionOptions : IValidatableObject
{
    /// <summary>The environment variable that holds the default host name.</summary>
    public const string HostVariable = "VLLM_GRPC_HOST";

    /// <summary>The environment variable that holds the default port.</summary>
    public const string PortVariable = "VLLM_GRPC_PORT";

    /// <summary>The environment variable that holds the default <see cref="CallTimeout"/>, in seconds.</summary>
    public const string TimeoutVariable = "VLLM_GRPC_TIMEOUT";

    /// <summary>
    /// The addresses of servers that serve the same model: <c>http://host:port</c> (plaintext HTTP/2), <c>https://host:port</c> (TLS) or
    /// <c>unix:/path/to/socket</c>; <c>grpc://</c> and <c>grpcs://</c> are aliases of the first two. <c>dns:///host:port</c>, or any other scheme for
    /// which the channel has a resolver, is one endpoint whose channel balances calls over all addresses found; it uses TLS if a certificate option
    /// is set. Requests are distributed over several endpoints, see <see cref="PrefixAffinity"/>. If empty,
    /// <c>VLLM_GRPC_HOST</c>:<c>VLLM_GRPC_PORT</c> is used, which defaults to localhost:9000.
    /// </summary>
    public IList<Uri> Endpoints { get; } = [];

    /// <summary>The protocol that the servers speak; <see cref="VllmProtocol.Auto"/> (the default) detects it once per server.</summary>
    public VllmProtocol Protocol { get; set; }

    /// <summary>The token to send as <c>authorization: Bearer …</c>. vLLM's gRPC servers ignore it; a proxy in front of them may check it.</summary>
    public string? BearerToken { get; set; }

    /// <summary>
    /// Additional gRPC metadata for every call. Names are converted to lower case; names that end in <c>-bin</c> take base64 values.
    /// </summary>
    public IDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Call credentials, queried for every call, for example to send a token that is renewed. Like <see cref="BearerToken"/>, they are also sent over
    /// plaintext connections.
    /// </summary>
    public CallCredentials? CallCredentials { get; set; }

    /// <summary>
    /// Interceptors for every call, the first outermost. They see calls as made by generated stubs, except that the message types are internal.
    /// </summary>
    public IList<Interceptor> Interceptors { get; } = [];

    /// <summary>
    /// The HTTP handler to use instead of the built-in one, for example from an <c>IHttpMessageHandlerFactory</c>. It is not disposed. Certificates,
    /// connect timeout and keep-alive are then up to the handler, and a server that is replaced behind its connections is noticed after a failed
    /// call, after three seconds without an answer, or within half a minute, instead of always at once. <see langword="null"/> uses the built-in
    /// handler.
    /// </summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>
    /// Configures the options of each channel before it is created (load balancing, custom resolvers through
    /// <see cref="GrpcChannelOptions.ServiceProvider"/>, a wrapper around the built-in handler …). Do not enable gRPC's own retries: they could send
    /// a request prepared for one model to another.
    /// </summary>
    public Action<GrpcChannelOptions>? ConfigureChannel { get; set; }

    /// <summary>
    /// The call invoker to use instead of the client's own channels, for example that of an existing channel, a client factory or a test.
    /// <see cref="Endpoints"/> then only serves to name it in messages, and connections, certificates and handlers are up to the invoker.
    /// </summary>
    public CallInvoker? CallInvoker { get; set; }

    /// <summary>
    /// The path of a PEM file with the certificate authorities to trust for the server's certificate; <see langword="null"/> uses those of the
    /// operating system.
    /// </summary>
    public string? RootCertificateFile { get; set; }

    /// <summary>
    /// The path of the client's certificate for mutual TLS: a PEM file (containing its private key, or with <see cref="ClientCertificateKeyFile"/>),
    /// or a PKCS#12 file (<c>.pfx</c>, <c>.p12</c>). <see langword="null"/> sends none.
    /// </summary>
    public string? ClientCertificateFile { get; set; }

    /// <summary>
    /// The path of a PEM file with the private key of <see cref="ClientCertificateFile"/>; <see langword="null"/> if that file contains it.
    /// </summary>
    public string? ClientCertificateKeyFile { get; set; }

    /// <summary>The password of the private key or of the PKCS#12 file; <see langword="null"/> for none.</summary>
    public string? ClientCertificatePassword { get; set; }

    /// <summary>
    /// Configures the TLS settings of https connections in code, after the files above have been applied: certificates from a store, a validation
    /// callback, a chain policy. Called once per server when the engine is created.
    /// </summary>
    public Action<SslClientAuthenticationOptions>? ConfigureTls { get; set; }

    /// <summary>The time limit for establishing a connection. Default: 10 seconds.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The time limit for each call other than generation (health, information, embeddings …). Default: <c>VLLM_GRPC_TIMEOUT</c> seconds, or 60
    /// seconds if that is not set.
    /// </summary>
    public TimeSpan CallTimeout { get; set; } = DefaultCallTimeout();

    /// <summary>
    /// The time limit for a whole generation, sent to the server as <c>grpc-timeout</c>. <see langword="null"/> (the default) sets no limit.
    /// </summary>
    public TimeSpan? GenerationTimeout { get; set; }

    /// <summary>
    /// The time limit from sending a generation request to its first message, which includes queueing and prompt processing; without streaming, it
    /// covers the whole generation. <see langword="null"/> sets no limit. Default: 10 minutes, or 2 minutes for a server registered with
    /// <c>AddVllmGrpc</c>.
    /// </summary>
    public TimeSpan? FirstTokenTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The time limit between two messages of a streamed generation. <see langword="null"/> sets no limit. Default: 5 minutes, or 1 minute for a
    /// server registered with <c>AddVllmGrpc</c>.
    /// </summary>
    public TimeSpan? BetweenTokensTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The time limit for the abort request that is sent in the background after a generation was cancelled. Default: 10 seconds.</summary>
    public TimeSpan AbortTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The time limit for the transfer of a tokenizer. Default: 120 seconds.</summary>
    public TimeSpan TokenizerTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// The maximum memory for fetching and loading a model's tokenizer, in bytes: the archive, its files and the tables built from them together. A
    /// tokenizer that needs more is refused before the memory is allocated. Default: 1 GiB.
    /// </summary>
    public long MaxTokenizerBytes { get; set; } = 1L << 30;

    /// <summary>
    /// The interval of HTTP/2 pings; <see langword="null"/> (the default) sends none, because older servers of the VllmEngine protocol close a
    /// connection that is pinged more often than every five minutes. TCP keep-alive is always on.
    /// </summary>
    public TimeSpan? KeepAlivePingInterval { get; set; }

    /// <summary>The maximum size of a message from the server, in bytes. Default: 256 MiB.</summary>
    public int MaxReceiveMessageBytes { get; set; } = 256 * 1024 * 1024;

    /// <summary>
    /// The maximum size of a message to the server, in bytes. Default: 1 GiB. Servers of the Inference protocol accept 32 MiB, which is always
    /// checked.
    /// </summary>
    public int MaxSendMessageBytes { get; set; } = 1024 * 1024 * 1024;

    /// <summary>Retries of calls that have not received anything yet.</summary>
    public VllmRetryOptions Retry { get; set; } = new();

    /// <summary>
    /// Whether, with several endpoints, requests that begin with the same tokens are sent to the same server, so that its prefix cache is reused, as
    /// long as that server is not much busier than the others. Default: true.
    /// </summary>
    public bool PrefixAffinity { get; set; } = true;

    /// <summary>The time, with several endpoints, after which a failed one is probed again. Default: 5 seconds.</summary>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether sampling parameters that a request does not specify are taken from the model's own defaults, as in vLLM's HTTP server. Default: true.
    /// </summary>
    public bool ApplyModelSamplingDefaults { get; set; } = true;

    /// <summary>
    /// Where output constraints begin, for servers that do not report it (see <see cref="VllmCapabilities.ConstraintStart"/>); <see langword="null"/>
    /// (the default) relies on the server.
    /// </summary>
    public ConstraintStart? ConstraintStart { get; set; }

    /// <summary>Creates options for a single address.</summary>
    /// <exception cref="ArgumentException"><paramref name="address"/> is not a server address.</exception>
    public static VllmConnectionOptions ForEndpoint(string address)
    {
        var options = new VllmConnectionOptions();
        options.Endpoints.Add(EndpointAddress.Parse(address, nameof(address)));
        return options;
    }

    /// <summary>Whether an option says that the servers use TLS.</summary>
    internal bool UsesTls => RootCertificateFile is not null || ClientCertificateFile is not null || ConfigureTls is not null;

    /// <summary>Creates a copy that is not affected by later changes to this object.</summary>
    public VllmConnectionOptions Clone()
    {
        var copy = new VllmConnectionOptions
        {
            Protocol = Protocol,
            BearerToken = BearerToken,
            CallCredentials = CallCredentials,
            HttpHandler = HttpHandler,
            ConfigureChannel = ConfigureChannel,
            CallInvoker = CallInvoker,
            RootCertificateFile = RootCertificateFile,
            ClientCertificateFile = ClientCertificateFile,
            ClientCertificateKeyFile = ClientCertificateKeyFile,
            ClientCertificatePassword = ClientCertificatePassword,
            ConfigureTls = ConfigureTls,
            ConnectTimeout = ConnectTimeout,
            CallTimeout = CallTimeout,
            GenerationTimeout = GenerationTimeout,
            FirstTokenTimeout = FirstTokenTimeout,
            BetweenTokensTimeout = BetweenTokensTimeout,
            AbortTimeout = AbortTimeout,
            TokenizerTimeout = TokenizerTimeout,
            MaxTokenizerBytes = MaxTokenizerBytes,
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
            copy.Endpoints.Add(endpoint);
        }

        foreach (var (name, value) in Metadata)
        {
            copy.Metadata[name] = value;
        }

        foreach (var interceptor in Interceptors)
        {
            copy.Interceptors.Add(interceptor);
        }

        return copy;
    }

    /// <summary>The copy an engine works with: checked, with normalized addresses and at least one of them.</summary>
    /// <exception cref="ArgumentException">An option is invalid; the message names it.</exception>
    internal VllmConnectionOptions Snapshot()
    {
        if (ConnectionOptionChecks.Of(this).FirstOrDefault() is { } problem)
        {
            throw new ArgumentException($"{problem.MemberNames.First()}: {problem.ErrorMessage}");
        }

        var copy = Clone();
        copy.Endpoints.Clear();
        foreach (var endpoint in Endpoints)
        {
            copy.Endpoints.Add(EndpointAddress.Normalize(endpoint));
        }

        if (copy.Endpoints.Count == 0)
        {
            copy.Endpoints.Add(FromEnvironment());
        }

        return copy;
    }

    /// <summary>Every invalid option, named with its configuration key (<c>Retry:MaxRetries</c>).</summary>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext) =>
        ConnectionOptionChecks.Of(this);

    private static Uri FromEnvironment()
    {
        var host = Environment.GetEnvironmentVariable(HostVariable) is { } named && !string.IsNullOrWhiteSpace(named) ? named : "localhost";
        var port = Environment.GetEnvironmentVariable(PortVariable) is { } number && !string.IsNullOrWhiteSpace(number) ? number : "9000";
        return ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? EndpointAddress.Parse($"{host.TrimEnd('/')}:{port}")
            : throw new ArgumentException($"{PortVariable} is '{port}', not a port number.");
    }

    private static TimeSpan DefaultCallTimeout() =>
        double.TryParse(Environment.GetEnvironmentVariable(TimeoutVariable), CultureInfo.InvariantCulture, out var seconds)
            && seconds > 0 && seconds < TimeSpan.MaxValue.TotalSeconds / 2
            ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.FromSeconds(60);
}

/// <summary>
/// How often and how quickly a call to the same server is retried. Only calls that have not received anything yet are retried, and only after
/// failures that show that the server did not process the request (unreachable, refused stream, UNAVAILABLE). Trying another endpoint happens at once
/// and does not count as a retry.
/// </summary>
public sealed class VllmRetryOptions
{
    internal const int MostRetries = 10;

    /// <summary>The number of retries after the first attempt, 0 to 10; 0 disables retries. Default: 3.</summary>
    public int MaxRetries { get; set; } = 3;

    /// <summary>The delay before the first retry; doubled for each further one, with jitter. Default: 200 ms.</summary>
    public TimeSpan BaseDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The maximum delay. Default: 5 seconds.</summary>
    public TimeSpan MaxDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a request is retried while servers are overloaded (<see cref="VllmException.IsOverloaded"/>), independently of
    /// <see cref="MaxRetries"/>. Other endpoints are tried first; then requests of this client wait until one of its running requests finishes. Zero
    /// fails at once. Default: 60 seconds.
    /// </summary>
    public TimeSpan OverloadTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long a request waits for a server that listens but is still loading its model, independently of <see cref="MaxRetries"/>. Zero, the
    /// default, treats it like any other unavailable server.
    /// </summary>
    public TimeSpan WaitForReady { get; set; }

    internal VllmRetryOptions Clone() => (VllmRetryOptions)MemberwiseClone();
}
