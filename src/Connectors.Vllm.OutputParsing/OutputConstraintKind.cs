namespace Connectors.Vllm.OutputParsing;

/// <summary>The kinds of constraint a vLLM server takes.</summary>
public enum OutputConstraintKind
{
    /// <summary>A JSON schema.</summary>
    JsonSchema,

    /// <summary>Any JSON object.</summary>
    JsonObject,

    /// <summary>A structural tag, JSON text in xgrammar's dialect with <c>format</c>.</summary>
    StructuralTag,

    /// <summary>A regular expression.</summary>
    Regex,

    /// <summary>A grammar (EBNF or Lark, as the server's backend takes it).</summary>
    Grammar,

    /// <summary>One of several texts.</summary>
    Choice,
}
