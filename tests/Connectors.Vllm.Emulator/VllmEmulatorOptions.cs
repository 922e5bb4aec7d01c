using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Emulator;

/// <summary>The servers of vLLM that a <see cref="VllmEmulator"/> can emulate; the newest of each kind has no suffix.</summary>
public enum EmulatedServer
{
    /// <summary>VllmEngine protocol, current Python servicer (vLLM 0.32), which reports reasoning and media in GetServerInfo.</summary>
    VllmEngine,

    /// <summary>VllmEngine protocol, Rust servicer (<c>--servicer-impl rust</c>).</summary>
    VllmEngineRust,

    /// <summary>Current Inference protocol: <c>vllm.Inference</c>, <c>vllm.Control</c> and <c>grpc.health.v1</c>.</summary>
    Inference,

    /// <summary>
    /// First version of the VllmEngine protocol: six methods, no log probabilities, no <c>index</c>, only the first five fields of the model
    /// information.
    /// </summary>
    VllmEngineFirst,

    /// <summary>VllmEngine protocol with logprobs, n above 1, GetTokenizer, GetLoads and SubscribeKvEvents.</summary>
    VllmEngineSecond,

    /// <summary>VllmEngine protocol with FlushCache and media references.</summary>
    VllmEngineThird,

    /// <summary>Inference protocol under its first name, <c>vllm.Generate</c>, without Control.</summary>
    LegacyInference,
}

/// <summary>The servers from which exchanges were recorded.</summary>
public static class RecordedServers
{
    /// <summary>Gets the server of an exchange from its letter in the recording.</summary>
    /// <param name="exchange">A line of a recording.</param>
    public static EmulatedServer Of(JsonElement exchange) => exchange.GetProperty("family").GetString() switch
    {
        "A" => EmulatedServer.VllmEngine,
        "A-rust" => EmulatedServer.VllmEngineRust,
        "B" => EmulatedServer.Inference,
        var other => throw new InvalidDataException($"A recording is of the unknown server '{other}'."),
    };
}

/// <summary>
/// The answers to GetTokenizer of the VllmEngine protocol; all but the first three are attacks or defects that a client must detect.
/// </summary>
public enum TokenizerBundle
{
    /// <summary>The zip of the model's files in slices of 65,536 bytes, the SHA-256 on the last.</summary>
    Good,

    /// <summary>The whole zip in one chunk.</summary>
    SingleChunk,

    /// <summary>The zip in slices of 100 bytes.</summary>
    ManyChunks,

    /// <summary>The checksum belongs to other bytes.</summary>
    WrongChecksum,

    /// <summary>No chunk carries a checksum (a truncated stream).</summary>
    MissingChecksum,

    /// <summary>An entry's name leads out of the folder (<c>../evil.json</c>).</summary>
    EscapingNames,

    /// <summary>Fifty-one entries.</summary>
    TooManyEntries,

    /// <summary>A header that declares a small size for an entry that inflates to very much more.</summary>
    LyingSizes,

    /// <summary>The stream ends without a chunk.</summary>
    Empty,

    /// <summary>The chunks are not a zip.</summary>
    NotAZip,

    /// <summary>INTERNAL <c>No tokenizer files found in …</c>, as when the Python servicer was started with a hub id.</summary>
    HubId,

    /// <summary>FAILED_PRECONDITION <c>Tokenizer path is not configured on this server.</c></summary>
    NotConfigured,

    /// <summary>UNIMPLEMENTED, as an old server answers.</summary>
    Unimplemented,
}

/// <summary>Settings of a <see cref="VllmEmulator"/>. <see cref="VllmTestServerOptions.Protocol"/> follows from <see cref="Server"/>.</summary>
public sealed class VllmEmulatorOptions : VllmTestServerOptions
{
    /// <summary>The server to emulate. Default: the current Python servicer of the VllmEngine protocol.</summary>
    public EmulatedServer Server { get; set; }

    /// <summary>
    /// The path that the server reports for its model folder (<c>model_path</c>, <c>tokenizer_path</c>, <c>model_id</c>); null uses the folder's own
    /// path.
    /// </summary>
    public string? ModelPath
    {
        get => ReportedModelPath;
        set => ReportedModelPath = value;
    }

    /// <summary>Additional names of the model (Inference protocol).</summary>
    public IReadOnlyList<string> ServedModelAliases { get; set; } = [];

    /// <summary>The model's sampling defaults as JSON (VllmEngine protocol); null takes them from generation_config.json.</summary>
    public string? DefaultSamplingParamsJson { get; set; }

    /// <summary>The maximum number of log probabilities per token. Default: 20, as in vLLM.</summary>
    public int MaxLogProbs { get; set; } = 20;

    /// <summary>The number of tokens per block of the prefix cache. Default: 16.</summary>
    public int BlockSize { get; set; } = 16;

    /// <summary>The number of blocks in the prefix cache. Default: 65,536, about a million tokens at the default block size.</summary>
    public int PrefixCacheBlocks { get; set; } = 65_536;

    /// <summary>The reported maximum number of concurrent sequences. Default: 256.</summary>
    public int MaxSequences { get; set; } = 256;

    /// <summary>
    /// The maximum number of requests in the engine, waiting or running (<c>--max-num-queued-reqs</c>). Null, the default, sets no limit.
    /// </summary>
    public int? MaxQueuedRequests { get; set; }

    /// <summary>The reported vLLM version. Default: <c>0.32.0</c>.</summary>
    public string EngineVersion { get; set; } = "0.32.0";

    /// <summary>
    /// Whether to report a multimodal model although media references are disabled (VllmEngine protocol without <c>--mm-processor</c>).
    /// </summary>
    public bool SupportsVision { get; set; }

    /// <summary>Text of the token that marks where an image goes. Must be one token of the tokenizer where media are used.</summary>
    public string ImageAnchor { get; set; } = "<|image_pad|>";

    /// <summary>How many prompt tokens an image counts as after expansion; default 4.</summary>
    public int TokensPerImage { get; set; } = 4;

    /// <summary>Most images in one prompt; default 999.</summary>
    public int MaxImages { get; set; } = 999;

    /// <summary>Text of the token that marks where a video goes. A model without that token has no place for videos.</summary>
    public string VideoAnchor { get; set; } = "<|video_pad|>";

    /// <summary>How many prompt tokens a video counts as after expansion; default 29, a small video of Qwen2-VL.</summary>
    public int TokensPerVideo { get; set; } = 29;

    /// <summary>Most videos in one prompt; default 999. 0 leaves videos out of the limits that the VllmEngine protocol reports.</summary>
    public int MaxVideos { get; set; } = 999;

    /// <summary>Text of the token that marks where a sound recording goes. A model without that token has no place for sound.</summary>
    public string AudioAnchor { get; set; } = "<|audio_pad|>";

    /// <summary>How many prompt tokens a sound recording counts as after expansion; default 8.</summary>
    public int TokensPerAudio { get; set; } = 8;

    /// <summary>Most sound recordings in one prompt; default 0: a model that knows images and videos only.</summary>
    public int MaxAudios { get; set; }

    /// <summary>Whether the server can decode videos (the Inference protocol needs ffmpeg for it); default true.</summary>
    public bool DecodesVideo { get; set; } = true;

    /// <summary>Whether the server can decode sound (the VllmEngine protocol needs PyAV, the Inference protocol ffmpeg); default true.</summary>
    public bool DecodesAudio { get; set; } = true;

    /// <summary>
    /// Whether http and https media addresses are really fetched, with this machine's network access. Off, the default, they are taken as if they had
    /// been.
    /// </summary>
    public bool FetchesMedia { get; set; }

    /// <summary>How long one try of a fetch may take; default 5 s.</summary>
    public TimeSpan MediaFetchTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Hosts that media may be fetched from (<c>--allowed-media-domains</c>, VllmEngine protocol); empty, the default, allows all.</summary>
    public IReadOnlyList<string> AllowedMediaDomains { get; set; } = [];

    /// <summary>The loaded LoRA adapters (Inference protocol); null for a server started without LoRA.</summary>
    public IReadOnlyList<string>? LoraAdapters { get; set; }

    /// <summary>The answer to GetTokenizer (VllmEngine protocol).</summary>
    public TokenizerBundle TokenizerBundle { get; set; }

    /// <summary>Whether <c>grpc.health.v1</c> is served; default true.</summary>
    public bool HealthService { get; set; } = true;

    /// <summary>Whether <c>vllm.Control</c> is served (today's Inference protocol); default true.</summary>
    public bool ControlService { get; set; } = true;

    /// <summary>Whether bad parameters are reported as INTERNAL, as some older servicers on newer engines did (VllmEngine protocol).</summary>
    public bool ReportsErrorsAsInternal { get; set; }

    /// <summary>Number of data-parallel ranks; default 1.</summary>
    public int DataParallelSize { get; set; } = 1;

    /// <summary>Whether the model is still loading at the start (Rust servicer): <see cref="VllmEmulator.FinishLoading"/> ends it.</summary>
    public bool StartsLoading { get; set; }

    /// <summary>
    /// Whether the model, instead of following a script, writes a line break wherever the engine's compiler allows it under the JSON constraint that
    /// was sent.
    /// </summary>
    public bool PrefersLineBreaks { get; set; }

    /// <summary>Whether the Rust servicer has a tokenizer, which it needs for stop strings; default true.</summary>
    public bool HasTokenizer { get; set; } = true;

    /// <summary>How long running calls may go on after SIGTERM (VllmEngine protocol); default 5 s, as the real server's.</summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>A real server to which every call is forwarded.</summary>
    public Uri? Upstream { get; set; }

    /// <summary>The file to which every exchange with <see cref="Upstream"/> is appended, one JSON object per line.</summary>
    public string? RecordFile { get; set; }

    /// <summary>The file of recorded exchanges to replay, as written by <see cref="RecordFile"/>.</summary>
    public string? ReplayFile { get; set; }

    internal VllmProtocol ServedProtocol => Server switch
    {
        EmulatedServer.Inference => VllmProtocol.Inference,
        EmulatedServer.LegacyInference => VllmProtocol.LegacyInference,
        _ => VllmProtocol.VllmEngine,
    };
}
