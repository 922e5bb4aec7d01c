using System.Net;
using System.Security.Cryptography.X509Certificates;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing;

/// <summary>How a <see cref="VllmTestServer"/> is set up. Read once, when the server starts.</summary>
public sealed class VllmTestServerOptions
{
    /// <summary>Protocol family; default <see cref="VllmServerFamily.A"/>.</summary>
    public VllmServerFamily Family { get; set; }

    /// <summary>Age within the family; null plays the newest (<see cref="VllmServerAge.A3"/> or <see cref="VllmServerAge.B1"/>). An age of the other family wins over <see cref="Family"/>.</summary>
    public VllmServerAge? Age { get; set; }

    /// <summary>Address to listen on; default the loopback address.</summary>
    public IPAddress Address { get; set; } = IPAddress.Loopback;

    /// <summary>Port to listen on; 0, the default, takes a free one.</summary>
    public int Port { get; set; }

    /// <summary>Folder with tokenizer.json, config.json and so on; null serves the small model that ships with this package.</summary>
    public string? ModelDirectory { get; set; }

    /// <summary>What the server calls its model folder (<c>model_path</c>, <c>tokenizer_path</c>, <c>model_id</c>); null uses the folder's own path.</summary>
    public string? ModelPath { get; set; }

    /// <summary>Name under which the model is served; null uses the model path.</summary>
    public string? ServedModelName { get; set; }

    /// <summary>Further names the model answers to (family B).</summary>
    public IReadOnlyList<string> ServedModelAliases { get; set; } = [];

    /// <summary>Longest prompt plus output, in tokens; null takes <c>max_position_embeddings</c> of config.json.</summary>
    public int? ContextLength { get; set; }

    /// <summary>Certificate to serve TLS with; null listens in plain text (h2c).</summary>
    public X509Certificate2? Certificate { get; set; }

    /// <summary>Certificates a client certificate must chain to. Not null asks every client for a certificate and refuses those without.</summary>
    public X509Certificate2Collection? ClientCertificateAuthorities { get; set; }

    /// <summary>
    /// From which token a structured-output constraint holds; default the first. <see cref="ConstraintStart.Unknown"/> does the same but does not tell the client.
    /// </summary>
    public ConstraintStart ConstraintStart { get; set; } = ConstraintStart.FirstToken;

    /// <summary>Name of the server's reasoning parser; empty when it has none.</summary>
    public string ReasoningParser { get; set; } = "";

    /// <summary>Name of the server's tool-call parser (family B); empty when it has none.</summary>
    public string ToolCallParser { get; set; } = "";

    /// <summary>The model's sampling defaults as JSON (family A, <c>default_sampling_params_json</c>); null takes them from generation_config.json.</summary>
    public string? DefaultSamplingParamsJson { get; set; }

    /// <summary>Largest number of log probabilities per token; default 20, as vLLM's.</summary>
    public int MaxLogProbs { get; set; } = 20;

    /// <summary>Tokens per block of the prefix cache; default 16.</summary>
    public int BlockSize { get; set; } = 16;

    /// <summary>Most sequences at a time, as reported; default 256. The test server does not queue.</summary>
    public int MaxSequences { get; set; } = 256;

    /// <summary>vLLM version the server claims; default <c>0.32.0</c>.</summary>
    public string EngineVersion { get; set; } = "0.32.0";

    /// <summary>True serves an embedding model: Embed works and Generate is refused (family A).</summary>
    public bool IsEmbeddingModel { get; set; }

    /// <summary>Length of made-up embedding vectors; default 64.</summary>
    public int EmbeddingDimension { get; set; } = 64;

    /// <summary>True accepts images and other media (family A: as with <c>--mm-processor inprocess</c>).</summary>
    public bool AcceptsMedia { get; set; }

    /// <summary>True claims a multimodal model although media references are off (family A without the flag).</summary>
    public bool SupportsVision { get; set; }

    /// <summary>Text of the token that marks where an image goes; default <c>&lt;|image_pad|&gt;</c>. Must be one token of the tokenizer where media are used.</summary>
    public string ImageAnchor { get; set; } = "<|image_pad|>";

    /// <summary>How many prompt tokens an image counts as after expansion; default 4.</summary>
    public int TokensPerImage { get; set; } = 4;

    /// <summary>Most images in one prompt; default 999.</summary>
    public int MaxImages { get; set; } = 999;

    /// <summary>Text of the token that marks where a video goes; default <c>&lt;|video_pad|&gt;</c>. A model without that token has no place for videos.</summary>
    public string VideoAnchor { get; set; } = "<|video_pad|>";

    /// <summary>How many prompt tokens a video counts as after expansion; default 29, a small video of Qwen2-VL.</summary>
    public int TokensPerVideo { get; set; } = 29;

    /// <summary>Most videos in one prompt; default 999. 0 leaves videos out of the limits that family A reports.</summary>
    public int MaxVideos { get; set; } = 999;

    /// <summary>Text of the token that marks where a sound recording goes; default <c>&lt;|audio_pad|&gt;</c>. A model without that token has no place for sound.</summary>
    public string AudioAnchor { get; set; } = "<|audio_pad|>";

    /// <summary>How many prompt tokens a sound recording counts as after expansion; default 8.</summary>
    public int TokensPerAudio { get; set; } = 8;

    /// <summary>Most sound recordings in one prompt; default 0: a model that knows images and videos only.</summary>
    public int MaxAudios { get; set; }

    /// <summary>Whether the server can decode videos (family B needs ffmpeg for it); default true.</summary>
    public bool DecodesVideo { get; set; } = true;

    /// <summary>Whether the server can decode sound (family A needs PyAV, family B ffmpeg); default true.</summary>
    public bool DecodesAudio { get; set; } = true;

    /// <summary>
    /// Whether http and https media addresses are really fetched, with this machine's network access. Off, the default, they are taken as if they had been.
    /// </summary>
    public bool FetchesMedia { get; set; }

    /// <summary>How long one try of a fetch may take; default 5 s.</summary>
    public TimeSpan MediaFetchTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Hosts that media may be fetched from (family A, <c>--allowed-media-domains</c>); empty, the default, allows all.</summary>
    public IReadOnlyList<string> AllowedMediaDomains { get; set; } = [];

    /// <summary>LoRA adapters that are loaded (family B); null is a server started without LoRA.</summary>
    public IReadOnlyList<string>? LoraAdapters { get; set; }

    /// <summary>Answer of GetTokenizer (family A).</summary>
    public TokenizerBundle TokenizerBundle { get; set; }

    /// <summary>Whether <c>grpc.health.v1</c> is served; default true.</summary>
    public bool HealthService { get; set; } = true;

    /// <summary>Whether <c>vllm.Control</c> is served (family B, not in age B0); default true.</summary>
    public bool ControlService { get; set; } = true;

    /// <summary>Whether family A reports bad parameters as INTERNAL, as some older servicers on newer engines did.</summary>
    public bool ReportsErrorsAsInternal { get; set; }

    /// <summary>Wait per message of replies that set none themselves; default none.</summary>
    public TimeSpan DelayPerMessage { get; set; }

    /// <summary>Largest number of data-parallel ranks; default 1.</summary>
    public int DataParallelSize { get; set; } = 1;

    /// <summary>How long running calls may go on after SIGTERM (family A); default 5 s, as the real server's.</summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Makes the reply to each request for which nothing is queued; null is the built-in demonstration model. Called on many threads at once.</summary>
    public Func<CapturedRequest, ScriptedReply>? Responder { get; set; }

    /// <summary>Most requests kept in <see cref="VllmTestServer.Requests"/>; the oldest are forgotten first, and also when all together are above 64 MiB on the wire. Default 10,000.</summary>
    public int MaxCapturedRequests { get; set; } = 10_000;

    /// <summary>A real server to pass every call on to; the answers come from there and nothing is made up.</summary>
    public Uri? Upstream { get; set; }

    /// <summary>File to append every exchange with <see cref="Upstream"/> to, one JSON object a line.</summary>
    public string? RecordFile { get; set; }

    /// <summary>File of recorded exchanges to answer from, as <see cref="RecordFile"/> writes it.</summary>
    public string? ReplayFile { get; set; }

    internal VllmServerAge EffectiveAge => Age ?? (Family == VllmServerFamily.A ? VllmServerAge.A3 : VllmServerAge.B1);

    internal VllmServerFamily EffectiveFamily => EffectiveAge >= VllmServerAge.B0 ? VllmServerFamily.B : VllmServerFamily.A;
}
