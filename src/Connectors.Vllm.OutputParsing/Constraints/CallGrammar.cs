using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>Builds the part of a constraint that makes a model write calls in its own format.</summary>
internal delegate ConstraintNode CallGrammarBuilder(CallRequest request);

/// <summary>
/// How a model is made to write calls in its own format: the texts around all calls and around one, and how arguments are written. From it follow the
/// constraints for every tool choice. Formats that are more than that build theirs themselves (<see cref="CallGrammarBuilder"/>).
/// </summary>
internal sealed record CallGrammar
{
    /// <summary>Text before the first call. Empty where every call stands for itself, with free text between calls.</summary>
    public string Open { get; init; } = "";

    /// <summary>Text behind the last call.</summary>
    public string Close { get; init; } = "";

    /// <summary>Text between two calls.</summary>
    public string Separator { get; init; } = "";

    /// <summary>The text that, met in free text, begins a call; <see cref="Open"/> where there is one.</summary>
    public string Trigger { get; init; } = "";

    /// <summary>What stands before a call's arguments, for a tool's name.</summary>
    public required Func<string, ConstraintNode> Begin { get; init; }

    /// <summary>A call's arguments where they are markup; JSON when not set.</summary>
    public Func<ArgumentSchema, ConstraintNode>? Markup { get; init; }

    /// <summary>What stands behind a call's arguments.</summary>
    public required ConstraintNode End { get; init; }

    /// <summary>What a model writes between its thought and a forced call.</summary>
    public ConstraintNode? Lead { get; init; }

    /// <summary>Texts that must not occur outside of calls.</summary>
    public string[] Excludes { get; init; } = [];

    /// <summary>True when the format has room for one call only.</summary>
    public bool Single { get; init; }

    public ConstraintNode Build(CallRequest request)
    {
        if (request.IsForced)
        {
            return Lead is null ? Together(request) : Sequence(Lead, Together(request));
        }

        ConstraintNode[] calls = Open.Length == 0 ? [.. request.Tools.Select(tool => Call(request, tool))] : [Together(request)];
        return new CallsInTextNode(Trigger.Length > 0 ? Trigger : Open, calls, request.Multiple && !Single, Excludes);
    }

    /// <summary>All calls, with what stands around them.</summary>
    public ConstraintNode Together(CallRequest request)
    {
        var calls = Choice([.. request.Tools.Select(tool => Call(request, tool))]);
        return Sequence(Open, new RepeatNode(calls, 1, request.Multiple && !Single ? null : 1, Separator), Close);
    }

    /// <summary>One call of a tool.</summary>
    public ConstraintNode Call(CallRequest request, OutputTool tool)
    {
        var schema = request.Schema(tool);
        return Sequence(Begin(tool.Name), Markup is null ? Json(schema) : Markup(schema), End);
    }
}
