namespace Connectors.Vllm.Tokenizers;

/// <summary>Loads Mistral's tekken.json.</summary>
internal static class TekkenLoader
{
    /// <summary>Makes the definition of a tekken tokenizer.</summary>
    public static TokenizerDefinition Load(ReadOnlyMemory<byte> file, string fileName) =>
        throw new TokenizerException("tekken files are not supported yet", fileName, null);
}
