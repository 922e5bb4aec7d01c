using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>What every contestant asks.</summary>
internal static partial class StreamQuestion
{
    /// <summary>The question of one stream; the server finds the stream's number in it.</summary>
    public static string Text(int number) =>
        string.Create(CultureInfo.InvariantCulture, $"What decides how many answers one machine can carry? (Question #{number}#)");

    /// <summary>The stream's number in whatever text of the request holds it (the last one counts); 0 where there is none.</summary>
    public static int NumberIn(string request) => NumberPattern().Match(request) is { Success: true } found
        ? int.Parse(found.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
        : 0;

    private static readonly JsonElement Schema = JsonDocument.Parse(
        """{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}""").RootElement;

    public static ChatOptions Options(StreamCase @case) => new()
    {
        MaxOutputTokens = @case.Tokens + 64,
        Temperature = 0,
        Tools = @case.Shape == StreamShape.Tool ? [AIFunctionFactory.CreateDeclaration("save_note", "Saves a note.", Schema)] : null,
    };

    [GeneratedRegex("#([0-9]+)#", RegexOptions.RightToLeft)]
    private static partial Regex NumberPattern();
}
