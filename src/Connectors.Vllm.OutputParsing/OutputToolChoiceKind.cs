namespace Connectors.Vllm.OutputParsing;

/// <summary>How free the model is to call tools.</summary>
public enum OutputToolChoiceKind
{
    /// <summary>The model decides.</summary>
    Auto,

    /// <summary>Calls are recognised and suppressed; their markup is not shown.</summary>
    None,

    /// <summary>At least one call is required.</summary>
    Required,

    /// <summary>One named tool is required.</summary>
    Named,
}
