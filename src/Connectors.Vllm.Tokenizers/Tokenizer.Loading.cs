namespace Connectors.Vllm.Tokenizers;

public sealed partial class Tokenizer
{
    /// <summary>Loads one file: a tokenizer.json, a tekken.json, or a tiktoken file (<c>*.tiktoken</c>, <c>tiktoken.model</c>).</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">The file is missing, malformed, or uses something unsupported.</exception>
    public static Tokenizer FromFile(string path, TokenizerOptions? options = null) => throw new NotImplementedException();

    /// <summary>
    /// Loads the tokenizer of a model folder, choosing in vLLM's order: tekken.json, tokenizer.json, tiktoken file. Added tokens of
    /// tokenizer_config.json (<c>added_tokens_decoder</c>) are merged in.
    /// </summary>
    /// <param name="directory">The folder.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">No tokenizer file is there, or one is malformed or uses something unsupported.</exception>
    public static Tokenizer FromDirectory(string directory, TokenizerOptions? options = null) => throw new NotImplementedException();

    /// <summary>The same as <see cref="FromDirectory"/>, from files in memory.</summary>
    /// <param name="files">Contents by flat file name, for example <c>tokenizer.json</c>. Other files are ignored.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">No tokenizer file is there, or one is malformed or uses something unsupported.</exception>
    public static Tokenizer FromFiles(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, TokenizerOptions? options = null) =>
        throw new NotImplementedException();

    /// <summary>Loads a tokenizer.json from memory.</summary>
    /// <param name="tokenizerJson">The file's bytes (UTF-8).</param>
    /// <param name="tokenizerConfigJson">The bytes of tokenizer_config.json, whose <c>added_tokens_decoder</c> is merged; may be empty.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">The file is malformed or uses something unsupported.</exception>
    public static Tokenizer FromJson(
        ReadOnlyMemory<byte> tokenizerJson, ReadOnlyMemory<byte> tokenizerConfigJson = default, TokenizerOptions? options = null) =>
        throw new NotImplementedException();
}
