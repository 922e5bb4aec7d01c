namespace Connectors.Vllm.OutputParsing;

/// <summary>In which part of the output stop strings are looked for. Never in the markup of calls.</summary>
public enum StopStringScope
{
    /// <summary>In the visible text only (the default): a stop string cannot cut a thought short.</summary>
    Text,

    /// <summary>In the visible text and in the reasoning.</summary>
    TextAndReasoning,
}
