namespace Connectors.Vllm.ChatTemplates;

/// <summary>How a variable of a scope gets its value when the scope is entered.</summary>
internal enum LoadKind : byte
{
    /// <summary>By whoever enters the scope: a parameter or a loop target.</summary>
    Parameter,

    /// <summary>From the template's variables.</summary>
    Resolve,

    /// <summary>From the variable of the same name in an outer scope.</summary>
    Alias,

    /// <summary>It has none yet.</summary>
    Unassigned,
}
