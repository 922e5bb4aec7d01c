using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>The shapes that generic JSON constraints force on any model.</summary>
internal static class GenericShapes
{
    /// <summary>An array of calls (or one call) instead of an answer.</summary>
    public static readonly ToolSyntax JsonArray = new()
    {
        Id = "json_array",
        StartOpeners = ["[", "{"],
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax { OpenerIsJson = true }),
    };

    /// <summary>The arguments of one named tool instead of an answer.</summary>
    public static readonly ToolSyntax NamedArguments = new()
    {
        Id = "named_arguments",
        Reader = context => new NamedArgumentsReader(context),
    };
}
