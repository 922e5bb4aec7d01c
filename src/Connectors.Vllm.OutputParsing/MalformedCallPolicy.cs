namespace Connectors.Vllm.OutputParsing;

/// <summary>What happens to a call that was closed but whose arguments are not a JSON object.</summary>
public enum MalformedCallPolicy
{
    /// <summary>The raw markup comes out as text (the default: a loop that runs functions would otherwise run one with defaults for all parameters).</summary>
    Text,

    /// <summary>A call whose end carries <see cref="OutputEvent.Error"/> comes out, for loops that tell the model what was wrong. Needs a readable name; else text.</summary>
    Call,
}
