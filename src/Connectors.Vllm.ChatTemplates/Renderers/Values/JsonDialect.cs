namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Whose reading of JSON text a model's reference implementation uses.</summary>
internal enum JsonDialect : byte
{
    /// <summary>Python's json.loads: NaN, Infinity and -Infinity are numbers, and a double that overflows becomes Infinity.</summary>
    Python,

    /// <summary>JSON by its standard (RFC 8259); a double that overflows is refused.</summary>
    Strict,
}
