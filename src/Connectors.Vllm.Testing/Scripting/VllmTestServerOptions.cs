using System.Net;
using System.Security.Cryptography.X509Certificates;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing;

/// <summary>The options of a <see cref="VllmTestServer"/>. Read once, when the server starts.</summary>
public class VllmTestServerOptions
{
    /// <summary>The protocol to serve; <see cref="VllmProtocol.Auto"/>, the default, is the VllmEngine protocol (<c>vllm serve --grpc</c>).</summary>
    public VllmProtocol Protocol { get; set; }

    /// <summary>The address to listen on. Default: the loopback address.</summary>
    public IPAddress Address { get; set; } = IPAddress.Loopback;

    /// <summary>The port to listen on; 0, the default, uses a free port.</summary>
    public int Port { get; set; }

    /// <summary>
    /// The folder with the model's tokenizer.json, config.json and other files; <see langword="null"/> serves <see cref="TinyModel"/>, which ships
    /// with this package.
    /// </summary>
    public string? ModelDirectory { get; set; }

    /// <summary>
    /// The name under which the model is served; <see langword="null"/> uses the name of <see cref="TinyModel"/> or the path of the folder.
    /// </summary>
    public string? ServedModelName { get; set; }

    /// <summary>
    /// The maximum number of tokens of prompt and output together; <see langword="null"/> uses <c>max_position_embeddings</c> in config.json.
    /// </summary>
    public int? ContextLength { get; set; }

    /// <summary>The TLS server certificate; <see langword="null"/> serves plaintext HTTP/2 (h2c).</summary>
    public X509Certificate2? Certificate { get; set; }

    /// <summary>
    /// The certificate authorities to which client certificates must chain. If set, every client is required to present a certificate;
    /// <see langword="null"/> requires none.
    /// </summary>
    public X509Certificate2Collection? ClientCertificateAuthorities { get; set; }

    /// <summary>
    /// The token from which a structured-output constraint applies. Default: the first. <see cref="ConstraintStart.Unknown"/> is the same, but is not
    /// reported to the client.
    /// </summary>
    public ConstraintStart ConstraintStart { get; set; } = ConstraintStart.FirstToken;

    /// <summary>The name of the server's reasoning parser; empty if it has none.</summary>
    public string ReasoningParser { get; set; } = "";

    /// <summary>The name of the server's tool-call parser (reported by the Inference protocol only); empty if it has none.</summary>
    public string ToolCallParser { get; set; } = "";

    /// <summary>Whether to serve an embedding model, for which Embed works and Generate is refused. VllmEngine protocol only.</summary>
    public bool IsEmbeddingModel { get; set; }

    /// <summary>The length of generated embedding vectors. Default: 64.</summary>
    public int EmbeddingDimension { get; set; } = 64;

    /// <summary>Whether to accept images and other media, whose content is ignored.</summary>
    public bool AcceptsMedia { get; set; }

    /// <summary>The delay before each message of replies that do not set one. Default: none.</summary>
    public TimeSpan DelayPerMessage { get; set; }

    /// <summary>
    /// Creates the reply to each request for which none is queued; <see langword="null"/> uses the built-in demonstration model. Called concurrently.
    /// </summary>
    public Func<CapturedRequest, ScriptedReply>? Responder { get; set; }

    /// <summary>
    /// Whether a Generate or Embed call for which no reply is queued and no responder is set ends with FAILED_PRECONDITION, so that a test notices a
    /// request that it did not expect. Default: false, which lets the demonstration model answer.
    /// </summary>
    public bool RequiresScriptedReplies { get; set; }

    /// <summary>
    /// The maximum number of requests kept in <see cref="VllmTestServer.Requests"/>; the oldest are dropped first, also if they exceed 64 MiB on the
    /// wire together. Default: 10,000.
    /// </summary>
    public int MaxCapturedRequests { get; set; } = 10_000;

    /// <summary>
    /// The path that the server reports for its model (<c>model_path</c>, <c>tokenizer_path</c>, <c>model_id</c>); null uses the model's folder.
    /// </summary>
    internal string? ReportedModelPath { get; set; }

    internal VllmProtocol EffectiveProtocol => Protocol == VllmProtocol.Auto ? VllmProtocol.VllmEngine : Protocol;
}
