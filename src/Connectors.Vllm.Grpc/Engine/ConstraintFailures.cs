using System.Text.RegularExpressions;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Finds the constraints that a server could not apply, however it says so: as a bad argument, as an inner error, as a finish named "error", or as
/// a good answer with nothing in it.
/// </summary>
internal static class ConstraintFailures
{
    private static readonly string[] Texts = ["grammar", "schema", "regex", "structur", "choice", "json", "xgrammar", "guidance", "outlines"];

    /// <summary>What front ends say when the engine could not compile a constraint: the Inference protocol's, and the Rust servicer's.</summary>
    private static readonly string[] Collapses = ["engine failed during generation", "engine finished the request with an error"];

    /// <summary>The exception to throw instead of <paramref name="exception"/>, which stems from a status of the server.</summary>
    public static VllmException Translate(VllmException exception, OutputConstraint constraint)
    {
        var isRefusal = exception.StatusCode == StatusCode.InvalidArgument
            && Array.Exists(Texts, text => exception.ServerMessage.Contains(text, StringComparison.OrdinalIgnoreCase));
        var isCollapse = exception.StatusCode == StatusCode.Internal
            && Array.Exists(Collapses, text => exception.ServerMessage.Contains(text, StringComparison.Ordinal));
        return isRefusal || isCollapse
            ? new VllmConstraintException(
                $"The server could not apply the constraint ({constraint}{TakenFor(constraint)}): {exception.Message}", exception)
            {
                Constraint = constraint,
                StatusCode = exception.StatusCode,
                ServerMessage = exception.ServerMessage,
                Method = exception.Method,
                RequestId = exception.RequestId,
                Endpoint = exception.Endpoint,
            }
            : exception;
    }

    /// <summary>Why a choice that ended does not count as an answer under the constraint; null when it may.</summary>
    public static string? Explain(GenerationFinish finish, GenerationRequest request)
    {
        if (request.Constraint is not { } constraint)
        {
            return null;
        }

        if (finish.RawReason == "error")
        {
            return "the server ended the request with the finish reason 'error', which it does when it cannot compile a grammar";
        }

        // A stop string of one token may be told as that token.
        var isEmpty = finish is { Reason: GenerationFinishReason.Stop, OutputTokens: <= 1, StopString: null }
            && !(finish.StopTokenId is { } stop && (request.StopTokenIds.Contains(stop) || request.StopStrings.Count > 0));
        return isEmpty && !(constraint.MayBeEmpty || AllowsNothing(constraint))
            ? "the answer is empty, which is how some servers report a constraint they cannot compile"
            : null;
    }

    /// <summary>Servers tell the two dialects of grammars apart by one mark.</summary>
    private static string TakenFor(OutputConstraint constraint) => constraint.Kind != OutputConstraintKind.Grammar ? ""
        : constraint.Value.Contains("::=", StringComparison.Ordinal) ? ", interpreted as EBNF because it contains '::='"
        : ", interpreted as Lark because it does not contain '::='";

    /// <summary>Whether no output at all can satisfy the constraint. A caller's structural tag constrains only what follows its triggers.</summary>
    private static bool AllowsNothing(OutputConstraint constraint)
    {
        switch (constraint.Kind)
        {
            case OutputConstraintKind.StructuralTag:
                return constraint.Alternative is null;
            case OutputConstraintKind.Choice:
                return constraint.Choices.Contains(string.Empty);
            case OutputConstraintKind.Regex:
                try
                {
                    return Regex.IsMatch(string.Empty, $@"\A(?:{constraint.Value})\z", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
                }
                catch (Exception exception) when (exception is ArgumentException or RegexMatchTimeoutException)
                {
                    return false;
                }

            default:
                return false;
        }
    }
}
