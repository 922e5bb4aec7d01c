namespace Connectors.Vllm.Tokenizers;

/// <summary>Loads tiktoken rank files (lines of base64 and rank).</summary>
internal static class TiktokenLoader
{
    /// <summary>Makes the definition of a tiktoken tokenizer.</summary>
    /// <param name="file">The file's bytes and name (for messages).</param>
    /// <param name="fileName">The file's name.</param>
    /// <param name="tokenizerConfigJson">tokenizer_config.json, may be empty: <c>added_tokens_decoder</c> names the special tokens.</param>
    /// <param name="configJson">config.json, may be empty: <c>model_type</c> chooses the pattern, <c>vocab_size</c> the reserved tokens.</param>
    public static TokenizerDefinition Load(
        ReadOnlyMemory<byte> file, string fileName, ReadOnlyMemory<byte> tokenizerConfigJson, ReadOnlyMemory<byte> configJson) =>
        throw new TokenizerException("tiktoken files are not supported yet", fileName, null);
}
