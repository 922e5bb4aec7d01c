using System.Text.Json.Nodes;
using static Connectors.Vllm.OutputParsing.Constraints.TagElements;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>
/// How a model is made to write calls in its own format: the texts around all calls and around one, and how arguments are written. From it follow the
/// tags for every tool choice. Formats that are more than that build their tag themselves (<see cref="CallTagBuilder"/>).
/// </summary>
internal sealed record CallTag
{
    /// <summary>Text before the first call. Empty where every call stands for itself, with free text between calls.</summary>
    public string Open { get; init; } = "";

    /// <summary>Text behind the last call.</summary>
    public string Close { get; init; } = "";

    /// <summary>Text between two calls.</summary>
    public string Separator { get; init; } = "";

    /// <summary>The text that, met in free text, begins a call; <see cref="Open"/> where there is one.</summary>
    public string Trigger { get; init; } = "";

    /// <summary>Text before a call's arguments, for a tool's name.</summary>
    public required Func<string, string> Begin { get; init; }

    /// <summary>What the model numbers its calls with, and the text up to the arguments; null where <see cref="Begin"/> ends at the arguments.</summary>
    public Func<string, JsonObject[]>? Number { get; init; }

    /// <summary>A call's arguments where they are markup; JSON when not set.</summary>
    public Func<ArgumentSchema, JsonObject>? Markup { get; init; }

    /// <summary>Text behind a call's arguments.</summary>
    public required string End { get; init; }

    /// <summary>What a model writes between its thought and a forced call.</summary>
    public Func<JsonObject>? Lead { get; init; }

    /// <summary>Texts that must not occur outside of calls.</summary>
    public string[] Excludes { get; init; } = [];

    /// <summary>True when the format has room for one call only.</summary>
    public bool Single { get; init; }

    public JsonObject Build(CallTagRequest request)
    {
        request = Single ? request with { Multiple = false } : request;
        var calls = Open.Length == 0 ? Apart(request) : Together(request);
        return request.IsForced && Lead is not null ? Sequence(Lead(), calls) : calls;
    }

    private JsonObject Apart(CallTagRequest request) => request.Choice.Kind == OutputToolChoiceKind.Named
        ? Call(request, request.Tools[0])
        : Triggered(Trigger, Calls(request), request, Excludes);

    private JsonObject Together(CallTagRequest request)
    {
        var all = Tag(Open, Separated(Separator, Calls(request), request), Close);
        return request.IsForced ? all : Triggered(Trigger.Length > 0 ? Trigger : Open, [all], request, Excludes);
    }

    private IEnumerable<JsonObject> Calls(CallTagRequest request) => request.Tools.Select(tool => Call(request, tool));

    private JsonObject Call(CallTagRequest request, OutputTool tool)
    {
        var schema = request.Schema(tool);
        var arguments = Markup is null ? Schema(schema.ToNode()) : Markup(schema);
        var (begin, end) = (Begin(tool.Name), End);
        if (Markup is not null && schema.Properties is { Count: 0 } && begin.EndsWith('\n') && end.StartsWith('\n'))
        {
            // The line breaks around arguments are one where there are no arguments.
            end = end[1..];
        }

        return Tag(begin, Number is null ? arguments : Sequence([.. Number(tool.Name), arguments]), end);
    }
}
