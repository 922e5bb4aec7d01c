using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Connectors.Vllm.Benchmarks.Soak;

/// <summary>Question and answer of one soak request: the number in the question decides every word of the answer, so both sides know it.</summary>
internal static partial class SoakScript
{
    public static string Question(int number) => string.Create(CultureInfo.InvariantCulture, $"Tell story #{number}#.");

    /// <summary>The number a prompt asks about, or null when it asks about nothing.</summary>
    public static int? NumberIn(string prompt) =>
        NumberPattern().Matches(prompt) is { Count: > 0 } found ? int.Parse(found[^1].Groups[1].Value, CultureInfo.InvariantCulture) : null;

    public static string Answer(int number)
    {
        StringBuilder answer = new();
        var state = (uint)number;
        var words = 8 + (number % 40);
        for (var i = 0; i < words; i++)
        {
            state = (state * 1664525) + 1013904223;
            answer.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : " ")}word{state >> 22}");
        }

        return answer.ToString();
    }

    [GeneratedRegex("#([0-9]+)#")]
    private static partial Regex NumberPattern();
}
