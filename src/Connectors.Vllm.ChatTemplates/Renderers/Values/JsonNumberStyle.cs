namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>How a reference implementation prints numbers.</summary>
internal enum JsonNumberStyle : byte
{
    /// <summary>Python: integers of any size; doubles by repr (<c>1e-07</c>, positional for 1e-4 ≤ |x| &lt; 1e16).</summary>
    Python,

    /// <summary>serde_json: integers of 64 bit, all others as doubles (<c>1e-7</c>, positional for 1e-5 ≤ |x| &lt; 1e16).</summary>
    Rust,
}
