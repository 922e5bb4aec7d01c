using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net.Security;
using Connectors.Vllm.Shared;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Where the server is and how to talk to it. Read once, when a client or engine is made; later changes have no effect on it.
/// Every time limit takes <see cref="Timeout.InfiniteTimeSpan"/> for none.
/// </summary>
public sealed class VllmConnectionOptions : IValidatableObject
{
    /// <summary>Environment variable with the default host name.</summary>
    public const string HostVariable = "VLLM_GRPC_HOST";

    /// <summary>Environment variable with the default port.</summary>
    public const string PortVariable = "VLLM_GRPC_PORT";

    /// <summary>Environment variable with the default <see cref="CallTimeout"/>, in seconds.</summary>
    public const string TimeoutVariable = "VLLM_GRPC_TIMEOUT";

    /// <summary>
    /// Addresses of servers that serve the same model: <c>http://host:port</c> (plain HTTP/2), <c>https://host:port</c> (TLS),
    /// <c>unix:/path/to/socket</c>; <c>grpc://</c> and <c>grpcs://</c> are read as the first two. <c>dns:///host:port</c>, and any other scheme the
    /// channel has a resolver for, is one endpoint whose channel spreads calls over all addresses it finds, in turn; it uses TLS when a certificate
    /// option is set. Several endpoints spread the requests, see <see cref="PrefixAffinity"/>. Empty means
    /// <c>VLLM_GRPC_HOST</c>:<c>VLLM_GRPC_PORT</c>, which default to localhost:9000.
    /// </summary>
    public IList<Uri> Endpoints { get; } = [];

    /// <summary>Which protocol the servers speak; <see cref="VllmProtocol.Auto"/> (the default) asks each of them once.</summary>
    public VllmProtocol Protocol { get; set; }

    /// <summary>Sent as <c>authorization: Bearer …</c>. vLLM's gRPC servers ignore it; a proxy in front may check it.</summary>
    public string? BearerToken { get; set; }

    /// <summary>Extra metadata for every call; names are lower-cased, names that end in <c>-bin</c> take base64 values.</summary>
    public IDictionary<string, string> Metadata { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Credentials that are asked for every call, e.g. a token that is renewed. They are sent to plain addresses as well, as <see
    /// cref="BearerToken"/> is.
    /// </summary>
    public CallCredentials? CallCredentials { get; set; }

    /// <summary>
    /// Interceptors of every call, the first outermost. They see the calls as generated stubs make them, messages apart, whose types are internal.
    /// </summary>
    public IList<Interceptor> Interceptors { get; } = [];

    /// <summary>
    /// The HTTP handler to use instead of one of our own, e.g. from an <c>IHttpMessageHandlerFactory</c>; it is not disposed. Certificates, connect
    /// timeout and keep-alive are the handler's then, and a server that is replaced behind its connections is noticed within half a minute instead of
    /// at once. Null makes a handler.
    /// </summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>
    /// Changes the options of each channel before it is made (load balancing, own resolvers through <see cref="GrpcChannelOptions.ServiceProvider"/>,
    /// a handler around ours …). Do not switch on gRPC's own retries: what was made for one model could reach another one.
    /// </summary>
    public Action<GrpcChannelOptions>? ConfigureChannel { get; set; }

    /// <summary>
    /// Makes the calls instead of channels of our own: that of an own channel, a client factory or a test. <see cref="Endpoints"/> then only names it
    /// in messages, and everything about connections, certificates and handlers is its own.
    /// </summary>
    public CallInvoker? CallInvoker { get; set; }

    /// <summary>
    /// A PEM file with the certificates of the authorities to trust for the server's certificate, instead of those of the operating system;
    /// <see langword="null"/> uses the system's.
    /// </summary>
    public string? RootCertificateFile { get; set; }

    /// <summary>
    /// The client's certificate for mutual TLS: a PEM file (with its private key, or with <see cref="ClientCertificateKeyFile"/> beside it), or a
    /// PKCS#12 file (<c>.pfx</c>, <c>.p12</c>). <see langword="null"/> sends none.
    /// </summary>
    public string? ClientCertificateFile { get; set; }

    /// <summary>A PEM file with the private key of <see cref="ClientCertificateFile"/>; <see langword="null"/> when that file holds it.</summary>
    public string? ClientCertificateKeyFile { get; set; }

    /// <summary>Password of the private key or of the PKCS#12 file; <see langword="null"/> for none.</summary>
    public string? ClientCertificatePassword { get; set; }

    /// <summary>
    /// Changes the TLS settings of https connections in code, after the files above were applied: certificates from a store, a validation callback, a
    /// chain policy. Called once per server when the engine is created.
    /// </summary>
    public Action<SslClientAuthenticationOptions>? ConfigureTls { get; set; }

    /// <summary>Limit for setting up a connection. Default 10 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Limit for each call but generation (health, information, embeddings …). Default <c>VLLM_GRPC_TIMEOUT</c> seconds, else 60 s.
    /// </summary>
    public TimeSpan CallTimeout { get; set; } = DefaultCallTimeout();

    /// <summary>Limit for a whole generation; null (the default) sets none. Sent to the server as <c>grpc-timeout</c>.</summary>
    public TimeSpan? GenerationTimeout { get; set; }

    /// <summary>
    /// Limit from sending a generation to its first message, which includes queueing and reading the prompt; for an answer that
    /// does not stream it is the whole generation. Null sets none. Default 10 min.
    /// </summary>
    public TimeSpan? FirstTokenTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Limit for the time between two messages of a streamed generation. Null sets none. Default 5 min.</summary>
    public TimeSpan? BetweenTokensTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Limit for the abort request that follows a cancelled generation in the background. Default 10 s.</summary>
    public TimeSpan AbortTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Limit for the transfer of a tokenizer. Default 120 s.</summary>
    public TimeSpan TokenizerTimeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// Memory that fetching and loading a model's tokenizer may take, in bytes: the archive, its files and the tables made of them together. More is
    /// refused before it is taken. Default 1 GiB.
    /// </summary>
    public long MaxTokenizerBytes { get; set; } = 1L << 30;

    /// <summary>
    /// Interval of HTTP/2 pings; null (the default) sends none, because older servers of the VllmEngine protocol cut a connection that
    /// pings more often than every five minutes. TCP keep-alive is always on.
    /// </summary>
    public TimeSpan? KeepAlivePingInterval { get; set; }

    /// <summary>Largest message taken from the server, in bytes. Default 256 MiB.</summary>
    public int MaxReceiveMessageBytes { get; set; } = 256 * 1024 * 1024;

    /// <summary>Largest message sent, in bytes. Default 1 GiB; servers of the Inference protocol take 32 MiB, which is checked by itself.</summary>
    public int MaxSendMessageBytes { get; set; } = 1024 * 1024 * 1024;

    /// <summary>Retries of calls that have received nothing yet.</summary>
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

    /// <summary>Creates options for one address.</summary>
    /// <exception cref="ArgumentException"><paramref name="address"/> is not a server address.</exception>
    public static VllmConnectionOptions ForEndpoint(string address)
    {
        var options = new VllmConnectionOptions();
        options.Endpoints.Add(EndpointAddress.Parse(address, nameof(address)));
        return options;
    }

    /// <summary>Whether an option says that the servers use TLS.</summary>
    internal bool UsesTls => RootCertificateFile is not null || ClientCertificateFile is not null || ConfigureTls is not null;

    /// <summary>Creates a copy that later changes of this object do not reach.</summary>
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
/// How often and how fast a call is sent again to the same server. Only calls that have received nothing yet, and only failures that say the server
/// did not work on the request (unreachable, refused stream, UNAVAILABLE), are retried. Another endpoint is asked at once and does not count.
/// </summary>
public sealed class VllmRetryOptions
{
    internal const int MostRetries = 10;

    /// <summary>Retries after the first attempt, 0 to 10; 0 turns retrying off. Default 3.</summary>
    public int MaxRetries { get; set; } = 3;

    /// <summary>Delay before the first retry; doubled each time, with jitter. Default 200 ms.</summary>
    public TimeSpan BaseDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest delay. Default 5 s.</summary>
    public TimeSpan MaxDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a request goes on asking servers that are full (<see cref="VllmException.IsOverloaded"/>), beside <see cref="MaxRetries"/>. Another
    /// endpoint is asked first; then requests of this client wait for one another's answers. Zero gives up at once. Default 60 s.
    /// </summary>
    public TimeSpan OverloadTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long a request waits for a server that listens but is still loading its model, beside <see cref="MaxRetries"/>; also
    /// <see cref="VllmGrpcClient.WaitUntilReadyAsync"/>, and a host that the server is registered in when it starts. Zero, the default, treats such a
    /// server as any other that is unavailable, and a host does not wait.
    /// </summary>
    public TimeSpan WaitForReady { get; set; }

    internal VllmRetryOptions Clone() => (VllmRetryOptions)MemberwiseClone();
}
