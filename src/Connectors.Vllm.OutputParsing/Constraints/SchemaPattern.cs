using System.Text.RegularExpressions;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>The patterns of JSON schemas, which match anywhere in a string, as expressions that match all of it.</summary>
internal static partial class SchemaPattern
{
    private const string AnyText = "(.|\\n)*";

    /// <summary>
    /// Null for patterns with parts that grammar compilers do not read (look-around, word boundaries, back references, anchors in the middle).
    /// </summary>
    public static string? Whole(string pattern)
    {
        var fromStart = pattern.StartsWith('^');
        var toEnd = pattern.EndsWith('$') && !pattern.EndsWith("\\$", StringComparison.Ordinal);
        var body = pattern[(fromStart ? 1 : 0)..(toEnd && pattern.Length > (fromStart ? 1 : 0) ? ^1 : ^0)];

        // An anchor before or behind an alternative belongs to that alternative only.
        var alone = (fromStart || toEnd) && body.Contains('|', StringComparison.Ordinal)
            ? null
            : $"{(fromStart ? "" : AnyText)}{Group(body)}{(toEnd ? "" : AnyText)}";
        return body.Length == 0 || Unportable().IsMatch(body) ? null : alone ?? (fromStart && toEnd && IsGroup(body) ? body : null);
    }

    private static string Group(string body) => body.Contains('|', StringComparison.Ordinal) ? $"({body})" : body;

    /// <summary>True when the whole is one pair of brackets without another inside.</summary>
    private static bool IsGroup(string body) => body.StartsWith('(') && body.IndexOf(')', StringComparison.Ordinal) == body.Length - 1
        && body.LastIndexOf('(') == 0;

    [GeneratedRegex(@"\\[bBAzZGk1-9pP]|\(\?(?!:)|(?<![\[\\])\^|(?<!\\)\$")]
    private static partial Regex Unportable();
}
