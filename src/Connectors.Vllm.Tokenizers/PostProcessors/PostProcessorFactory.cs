namespace Connectors.Vllm.Tokenizers;

/// <summary>Reads post-processors: for ids of a single text all of them come down to a prefix and a suffix.</summary>
internal static class PostProcessorFactory
{
    /// <summary>The ids that <paramref name="json"/> puts around a single text (<see cref="SpecialTokenTemplate.None"/> for JSON null).</summary>
    public static SpecialTokenTemplate Create(ComponentJson json) => json.IsNull ? SpecialTokenTemplate.None : throw json.Unknown("post-processor");
}
