namespace Connectors.Vllm.Testing;

/// <summary>What a family A server answers to GetTokenizer; all but the first three are attacks or defects a client must notice.</summary>
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

    /// <summary>INTERNAL <c>No tokenizer files found in …</c>, as when the server was started with a hub id.</summary>
    HubId,

    /// <summary>FAILED_PRECONDITION <c>Tokenizer path is not configured on this server.</c></summary>
    NotConfigured,

    /// <summary>UNIMPLEMENTED, as an old server answers.</summary>
    Unimplemented,
}
