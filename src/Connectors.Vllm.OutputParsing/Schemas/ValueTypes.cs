namespace Connectors.Vllm.OutputParsing;

/// <summary>The JSON types a schema allows.</summary>
[Flags]
internal enum ValueTypes
{
    /// <summary>The schema says nothing.</summary>
    Unknown = 0,
    Null = 1,
    Whole = 2,
    Number = 4,
    Truth = 8,
    Map = 16,
    List = 32,
    Text = 64,
}
