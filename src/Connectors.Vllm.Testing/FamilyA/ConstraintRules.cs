using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>Reads family A's constraint and refuses what its grammar backend would refuse, with texts of the same shape.</summary>
internal static class ConstraintRules
{
    public static Constraint? Read(SamplingParams sampling)
    {
        var constraint = sampling.ConstraintCase switch
        {
            SamplingParams.ConstraintOneofCase.JsonSchema => new Constraint(ConstraintKind.JsonSchema, sampling.JsonSchema, []),
            SamplingParams.ConstraintOneofCase.Regex => new Constraint(ConstraintKind.Regex, sampling.Regex, []),
            SamplingParams.ConstraintOneofCase.Grammar => new Constraint(ConstraintKind.Grammar, sampling.Grammar, []),
            SamplingParams.ConstraintOneofCase.StructuralTag => new Constraint(ConstraintKind.StructuralTag, sampling.StructuralTag, []),
            SamplingParams.ConstraintOneofCase.JsonObject => new Constraint(ConstraintKind.JsonObject, "", []),
            SamplingParams.ConstraintOneofCase.Choice => new Constraint(ConstraintKind.Choice, "", [.. sampling.Choice.Choices]),
            _ => null,
        };
        if (constraint is not null)
        {
            Check(constraint, sampling);
        }

        return constraint;
    }

    /// <summary>True when the backend only notices at the first token that it cannot follow this grammar; the reply is then a finish <c>error</c>.</summary>
    public static bool FailsLate(Constraint? constraint) => constraint is { Kind: ConstraintKind.Grammar } && !SchemaText.LooksLikeGrammar(constraint.Text);

    private static void Check(Constraint constraint, SamplingParams sampling)
    {
        switch (constraint.Kind)
        {
            case ConstraintKind.JsonSchema when SchemaText.ProblemOf(constraint.Text) is { } problem:
                throw RpcFailure.Invalid($"Grammar error: {problem}");
            case ConstraintKind.Regex when SchemaText.RegexProblem(constraint.Text) is { } problem:
                throw RpcFailure.Invalid($"Grammar error: at 1(8): invalid regex \"{constraint.Text}\" (in regex): {problem}");
            case ConstraintKind.StructuralTag when SchemaText.JsonProblem(constraint.Text) is not null:
                throw RpcFailure.Invalid("Invalid structural tag: it is not valid JSON");
            case ConstraintKind.JsonObject when !sampling.JsonObject:
                throw RpcFailure.Invalid("structured_outputs.json_object must be True if set; omit structured_outputs to disable structured outputs");
            case ConstraintKind.Choice when constraint.Choices.Count == 0:
                throw RpcFailure.Invalid("Grammar error: choices must not be empty");
        }
    }
}
