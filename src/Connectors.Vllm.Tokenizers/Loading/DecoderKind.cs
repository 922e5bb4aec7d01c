namespace Connectors.Vllm.Tokenizers;

/// <summary>The ways ids become text.</summary>
internal enum DecoderKind
{
    /// <summary>The ByteLevel decoder, and tiktoken and tekken files: bytes of all tokens, one lossy UTF-8 conversion.</summary>
    Bytes,

    /// <summary>Replace ▁ by blank, ByteFallback, Fuse.</summary>
    ByteFallback,

    /// <summary>Replace ▁ by blank, ByteFallback, Fuse, Strip one leading blank.</summary>
    ByteFallbackStrip,

    /// <summary>Anything else: the general chain of <see cref="Decoder"/>s.</summary>
    Chain,

    /// <summary>No decoder in the file: tokens joined by blanks.</summary>
    JoinWithSpaces,
}
