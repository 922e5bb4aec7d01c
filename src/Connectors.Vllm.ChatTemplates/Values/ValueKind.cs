namespace Connectors.Vllm.ChatTemplates;

/// <summary>The Python type of a template value, as far as operators and filters tell types apart.</summary>
internal enum ValueKind : byte
{
    /// <summary>No value at all: an unassigned variable or an argument that was not given.</summary>
    Missing,
    Undefined,
    None,
    Bool,
    Int,
    BigInt,
    Float,
    String,
    List,
    Tuple,
    Dict,

    /// <summary>Everything else; the <see cref="PyObject"/> subclass knows more.</summary>
    Object,
}
