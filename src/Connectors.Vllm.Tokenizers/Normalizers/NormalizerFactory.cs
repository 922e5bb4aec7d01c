namespace Connectors.Vllm.Tokenizers;

/// <summary>Makes normalizers from their JSON.</summary>
internal static class NormalizerFactory
{
    /// <summary>The normalizer that <paramref name="json"/> describes (tagged or untagged form), or null when it changes nothing.</summary>
    public static Normalizer? Create(ComponentJson json)
    {
        if (json.IsNull)
        {
            return null;
        }

        return json.Type switch
        {
            "NFC" => new UnicodeFormNormalizer(UnicodeNormalization.Nfc),
            "NFD" => new UnicodeFormNormalizer(UnicodeNormalization.Nfd),
            "NFKC" => new UnicodeFormNormalizer(UnicodeNormalization.Nfkc),
            "NFKD" => new UnicodeFormNormalizer(UnicodeNormalization.Nfkd),
            _ => throw json.Unknown("normalizer"),
        };
    }
}
