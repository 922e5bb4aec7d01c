using System.Net;
using System.Security.Cryptography.X509Certificates;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing;

/// <summary>Settings of a <see cref="VllmTestServer"/>. Read once, when the server starts.</summary>
public class VllmTestServerOptions
{
    /// <summary>
    /// The protocol to speak; <see cref="VllmProtocol.Auto"/>, the default, is the VllmEngine protocol (<c>vllm serve --grpc</c>).
    /// </summary>
    public VllmProtocol Protocol { get; set; }

    /// <summary>Address to listen on; default the loopback address.</summary>
    public IPAddress Address { get; set; } = IPAddress.Loopback;

    /// <summary>Port to listen on; 0, the default, takes a free one.</summary>
    public int Port { get; set; }

    /// <summary>Folder with tokenizer.json, config.json and so on; null serves <see cref="TinyModel"/>, which ships with this package.</summary>
    public string? ModelDirectory { get; set; }

    /// <summary>Name under which the model is served; null uses the name of <see cref="TinyModel"/> or the folder's path.</summary>
    public string? ServedModelName { get; set; }

    /// <summary>Longest prompt plus output, in tokens; null takes <c>max_position_embeddings</c> of config.json.</summary>
    public int? ContextLength { get; set; }

    /// <summary>Certificate to serve TLS with; null listens in plain text (h2c).</summary>
    public X509Certificate2? Certificate { get; set; }

    /// <summary>Authorities a client certificate must chain to. Not null asks every client for a certificate and refuses those without.</summary>
    public X509Certificate2Collection? ClientCertificateAuthorities { get; set; }

    /// <summary>
    /// From which token a structured-output constraint holds; default the first. <see cref="ConstraintStart.Unknown"/> does the same but does not
    /// tell the client.
    /// </summary>
    public ConstraintStart ConstraintStart { get; set; } = ConstraintStart.FirstToken;

    /// <summary>Name of the server's reasoning parser; empty when it has none.</summary>
    public string ReasoningParser { get; set; } = "";

    /// <summary>Name of the server's tool-call parser (reported by the Inference protocol only); empty when it has none.</summary>
    public string ToolCallParser { get; set; } = "";

    /// <summary>True serves an embedding model: Embed works and Generate is refused (VllmEngine protocol).</summary>
    public bool IsEmbeddingModel { get; set; }

    /// <summary>Length of made-up embedding vectors; default 64.</summary>
    public int EmbeddingDimension { get; set; } = 64;

    /// <summary>True accepts images and other media; they are not looked at.</summary>
    public bool AcceptsMedia { get; set; }

    /// <summary>Wait before each message of replies that set none themselves; default none.</summary>
    public TimeSpan DelayPerMessage { get; set; }

    /// <summary>
    /// Makes the reply to each request for which nothing is queued; null is the built-in demonstration model. Called on many threads at once.
    /// </summary>
    public Func<CapturedRequest, ScriptedReply>? Responder { get; set; }

    /// <summary>
    /// True ends a Generate or Embed call for which no reply was queued and no responder is set with FAILED_PRECONDITION, so that a test notices a
    /// request it did not expect; false, the default, lets the demonstration model answer.
    /// </summary>
    public bool RequiresScriptedReplies { get; set; }

    /// <summary>
    /// Largest number of requests kept in <see cref="VllmTestServer.Requests"/>; the oldest are dropped first, and also when all together exceed 64
    /// MiB on the wire. Default 10,000.
    /// </summary>
    public int MaxCapturedRequests { get; set; } = 10_000;

    /// <summary>
    /// Path the server reports for its model (<c>model_path</c>, <c>tokenizer_path</c>, <c>model_id</c>); null is the model's folder.
    /// </summary>
    internal string? ReportedModelPath { get; set; }

    internal VllmProtocol EffectiveProtocol => Protocol == VllmProtocol.Auto ? VllmProtocol.VllmEngine : Protocol;
}
