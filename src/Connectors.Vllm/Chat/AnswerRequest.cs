using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>The constraint that the caller requests for the answer: at most one, from the response format or one of vLLM's own parameters.</summary>
/// <param name="Constraint">The constraint; null for none.</param>
/// <param name="IsTag">Whether it is the caller's own structural tag, which is sent unchanged.</param>
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
            if (option.GetConstraint(value) is { } constraint)
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

    /// <summary>Gets the request's instructions, followed by a description of the schema if the options enable it.</summary>
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
