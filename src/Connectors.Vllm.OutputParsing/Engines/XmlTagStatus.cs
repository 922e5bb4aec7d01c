namespace Connectors.Vllm.OutputParsing;

/// <summary>What stands at an angle bracket.</summary>
internal enum XmlTagStatus
{
    NoTag,
    More,
    Tag,
}
