namespace Connectors.Vllm.OutputParsing;

/// <summary>How calls stand as a name and pairs of key and value elements.</summary>
internal sealed record KeyValueSyntax
{
    /// <summary>Marker before the name.</summary>
    public required string CallOpen { get; init; }

    /// <summary>Marker behind the pairs.</summary>
    public required string CallClose { get; init; }

    /// <summary>Text that may stand between name and pairs; empty when the format has none.</summary>
    public string NameEnd { get; init; } = "";

    public string KeyOpen { get; init; } = "<arg_key>";

    public string KeyClose { get; init; } = "</arg_key>";

    /// <summary>Marker before a value; empty where <see cref="KeyClose"/> is it.</summary>
    public string ValueOpen { get; init; } = "<arg_value>";

    public string ValueClose { get; init; } = "</arg_value>";

    /// <summary>Element that may tell the value's type; empty when the format has none.</summary>
    public string TypeOpen { get; init; } = "";

    public string TypeClose { get; init; } = "";

    /// <summary>Markers around several calls; they may be missing.</summary>
    public IReadOnlyList<string> SectionClosers { get; init; } = [];

    /// <summary>True: values without a known type are JSON or Python literals where they parse.</summary>
    public bool GuessesTypes { get; init; }
}
