namespace Connectors.Vllm.Tokenizers;

/// <summary>Where Metaspace puts a marker that the text does not have.</summary>
internal enum MetaspacePrepend
{
    /// <summary>Before every piece.</summary>
    Always,

    /// <summary>Before the piece at the very start of the text.</summary>
    First,

    /// <summary>Nowhere.</summary>
    Never,
}
