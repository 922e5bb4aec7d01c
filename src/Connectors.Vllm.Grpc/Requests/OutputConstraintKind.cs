namespace Connectors.Vllm.Grpc;

/// <summary>The kinds of output constraint that vLLM knows.</summary>
public enum OutputConstraintKind
{
    /// <summary>The output is JSON that fits a JSON schema.</summary>
    JsonSchema = 0,

    /// <summary>The output is a JSON object.</summary>
    JsonObject = 1,

    /// <summary>The output matches a regular expression as a whole.</summary>
    Regex = 2,

    /// <summary>The output follows a grammar (EBNF or Lark, as the server's backend reads it).</summary>
    Grammar = 3,

    /// <summary>Parts of the output, marked by triggers, follow schemas (a JSON description).</summary>
    StructuralTag = 4,

    /// <summary>The output is one of several strings.</summary>
    Choice = 5,
}
