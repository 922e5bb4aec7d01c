using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>What the caller wants the answer to look like: one constraint at most, from the response format or one of vLLM's own.</summary>
/// <param name="Constraint">The constraint; null when the answer is free.</param>
/// <param name="IsTag">Whether it is a structural tag of the caller's own, which is sent as it is.</param>
internal sealed record AnswerRequest(OutputConstraint? Constraint, bool IsTag)
{
    /// <exception cref="ArgumentException">Two constraints contradict each other.</exception>
    /// <exception cref="VllmRequestException">A constraint is malformed.</exception>
    public static AnswerRequest From(ChatOptions? options, VllmExtras extras, ILogger logger)
    {
        var found = new List<(string Name, OutputConstraint Constraint)>(1);
        if (options?.ResponseFormat is ChatResponseFormatJson json)
        {
            found.Add(
                (nameof(ChatOptions.ResponseFormat), json.Schema is { } schema
                    ? OutputConstraint.JsonSchema(schema.GetRawText())
                    : OutputConstraint.JsonObject()));
        }
        else if (options?.ResponseFormat is not (null or ChatResponseFormatText))
        {
            Log.OptionIgnored(logger, nameof(ChatOptions.ResponseFormat), $"{options.ResponseFormat.GetType().Name} is unknown");
        }

        foreach (var (option, value) in extras.Values)
        {
            if (option.ConstraintOf(value) is { } constraint)
            {
                found.Add((option.Name, constraint));
            }
        }

        return found.Count switch
        {
            0 => new AnswerRequest(null, false),
            1 => new AnswerRequest(found[0].Constraint, found[0].Constraint.Kind == OutputConstraintKind.StructuralTag),
            _ => throw new ArgumentException(
                $"Only one of these can constrain the answer: {string.Join(", ", found.Select(static item => item.Name))}."),
        };
    }

    /// <summary>The request's instructions, with the schema described when the options ask for it.</summary>
    public string? Instructions(ChatOptions? options, VllmGrpcOptions settings)
    {
        var instructions = options?.Instructions;
        if (!settings.DescribeSchemaInPrompt || Constraint?.Kind != OutputConstraintKind.JsonSchema)
        {
            return instructions;
        }

        var described = $"Answer with JSON that conforms to this schema:\n{Constraint.Value}";
        return string.IsNullOrEmpty(instructions) ? described : $"{instructions}\n{described}";
    }
}
