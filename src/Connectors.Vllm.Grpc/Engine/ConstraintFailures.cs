using System.Text.RegularExpressions;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Recognizes constraints that a server could not apply. Depending on the server, such a failure arrives as INVALID_ARGUMENT, as INTERNAL, as the
/// finish reason "error", or as a successful answer without tokens.
/// </summary>
internal static class ConstraintFailures
{
    private static readonly string[] RefusalTexts = ["grammar", "schema", "regex", "structur", "choice", "json", "xgrammar", "guidance", "outlines"];

    /// <summary>The messages of the Inference protocol's front end and of the Rust servicer when the engine could not compile a constraint.</summary>
    private static readonly string[] CompileFailureTexts = ["engine failed during generation", "engine finished the request with an error"];

    /// <summary>Gets the exception to throw instead of <paramref name="exception"/>, which was created from a status of the server.</summary>
    public static VllmException Translate(VllmException exception, OutputConstraint constraint)
    {
        var isRefusal = exception.StatusCode == StatusCode.InvalidArgument
            && Array.Exists(RefusalTexts, text => exception.ServerMessage.Contains(text, StringComparison.OrdinalIgnoreCase));
        var isCompileFailure = exception.StatusCode == StatusCode.Internal
            && Array.Exists(CompileFailureTexts, text => exception.ServerMessage.Contains(text, StringComparison.Ordinal));
        return isRefusal || isCompileFailure
            ? new VllmConstraintException(
                $"The server could not apply the constraint ({constraint}{DescribeDialect(constraint)}): {exception.Message}", exception)
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

    /// <summary>Gets the reason why a finished choice is not an answer under the constraint; null if it is one.</summary>
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

        // Servers may report a stop string of a single token as a stop token.
        var isEmpty = finish is { Reason: GenerationFinishReason.Stop, OutputTokens: <= 1, StopString: null }
            && !(finish.StopTokenId is { } stop && (request.StopTokenIds.Contains(stop) || request.StopStrings.Count > 0));
        return isEmpty && !(constraint.MayBeEmpty || AllowsEmpty(constraint))
            ? "the answer is empty, which is how some servers report a constraint they cannot compile"
            : null;
    }

    /// <summary>Servers distinguish the two grammar dialects by the presence of '::='.</summary>
    private static string DescribeDialect(OutputConstraint constraint) => constraint.Kind != OutputConstraintKind.Grammar ? ""
        : constraint.Value.Contains("::=", StringComparison.Ordinal) ? ", interpreted as EBNF because it contains '::='"
        : ", interpreted as Lark because it does not contain '::='";

    /// <summary>Whether empty output can satisfy the constraint. A caller's structural tag constrains only what follows its triggers.</summary>
    private static bool AllowsEmpty(OutputConstraint constraint)
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
