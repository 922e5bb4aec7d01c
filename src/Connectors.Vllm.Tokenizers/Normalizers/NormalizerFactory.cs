namespace Connectors.Vllm.Tokenizers;

/// <summary>Makes normalizers from their JSON.</summary>
internal static class NormalizerFactory
{
    /// <summary>The normalizer that <paramref name="json"/> describes (tagged or untagged form), or null when it changes nothing.</summary>
    public static Normalizer? Create(ComponentJson json) => json.IsNull ? null : throw json.Unknown("normalizer");
}
