namespace Connectors.Vllm.OutputParsing;

/// <summary>In which shape the calls of an output are written; follows from the constraint the request was sent with.</summary>
public enum CallShape
{
    /// <summary>As the model's own format writes them.</summary>
    Native,

    /// <summary>After the reasoning, one JSON array of <c>{"name", "parameters"}</c> objects (the constraint of a required call for formats without a structural tag).</summary>
    JsonArray,

    /// <summary>After the reasoning, the bare JSON arguments of the one tool named by <see cref="OutputParserOptions.ToolChoice"/>.</summary>
    NamedArguments,

    /// <summary>Calls are not looked for: after the reasoning all is text (a schema-constrained answer).</summary>
    None,
}
