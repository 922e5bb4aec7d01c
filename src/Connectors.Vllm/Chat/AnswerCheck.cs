using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>
/// Checks a finished answer against its constraint, because servers report some constraints that they could not apply as success (unconstrained text,
/// a single end token).
/// </summary>
/// <param name="Constraint">The constraint of the request.</param>
internal sealed record AnswerCheck(OutputConstraint Constraint)
{
    /// <summary>Gets the reason why the text does not satisfy the constraint, or null.</summary>
    public string? Problem(StringBuilder answer)
    {
        var text = answer.ToString();
        switch (Constraint.Kind)
        {
            case OutputConstraintKind.JsonSchema or OutputConstraintKind.JsonObject:
                return JsonProblem(text, Constraint.Kind == OutputConstraintKind.JsonObject);
            case OutputConstraintKind.Choice:
                return Constraint.Choices.Contains(text, StringComparer.Ordinal) ? null : "it is not one of the choices";
            case OutputConstraintKind.Grammar:
                return text.Length == 0 ? "it is empty" : null;
            default:
                return null;
        }
    }

    /// <summary>Whether a text satisfies the constraint, as far as the client can tell; for a schema, whether it is JSON.</summary>
    public bool IsSatisfied(StringBuilder answer)
    {
        if (Constraint.Kind != OutputConstraintKind.Regex)
        {
            return Constraint.Kind is OutputConstraintKind.JsonSchema or OutputConstraintKind.JsonObject or OutputConstraintKind.Choice
                && Problem(answer) is null;
        }

        try
        {
            return Regex.IsMatch(answer.ToString(), $@"\A(?:{Constraint.Value})\z", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (Exception exception) when (exception is ArgumentException or RegexMatchTimeoutException)
        {
            return false;
        }
    }

    /// <summary>
    /// Gets what is missing in an answer that was truncated by its token limit; null if it is complete JSON or the constraint is not JSON.
    /// </summary>
    public string? TruncationReason(StringBuilder answer)
    {
        if (Constraint.Kind is not (OutputConstraintKind.JsonSchema or OutputConstraintKind.JsonObject))
        {
            return null;
        }

        var text = answer.ToString();
        var space = text.Length - text.AsSpan().TrimEnd().Length;
        if (space > text.Length / 2)
        {
            return $"ends in {space} white space characters";
        }

        var utf8 = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(utf8, isFinalBlock: false, new JsonReaderState(new JsonReaderOptions { MaxDepth = 512 }));
        try
        {
            while (reader.Read())
            {
            }
        }
        catch (JsonException)
        {
            return null;
        }

        var depth = reader.CurrentDepth + (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray ? 1 : 0);
        return depth > 0 ? $"has {depth} open brackets" : null;
    }

    private static string? JsonProblem(string text, bool needsObject)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return "it is empty";
        }

        var utf8 = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = 512 });
        try
        {
            reader.Read();
            if (needsObject && reader.TokenType != JsonTokenType.StartObject)
            {
                return "it is not a JSON object";
            }

            while (reader.Read())
            {
            }

            return null;
        }
        catch (JsonException error)
        {
            return $"it is not valid JSON ({error.Message})";
        }
    }
}
