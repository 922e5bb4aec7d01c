using System.Security.Cryptography;

namespace Connectors.Vllm;

/// <summary>
/// Private marks that stand for media in string content until the prompt is rendered. They carry a random number made when the process started,
/// so no message can forge one, and they tell the placeholder we put in from one that somebody typed.
/// </summary>
internal static class MediaMarks
{
    private const char Begin = '\uE0F5';
    private const char End = '\uE0F6';

    private static readonly string Nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    public static string For(int index) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Begin}{Nonce}-{index}{End}");

    /// <summary>
    /// Puts the placeholders where the marks are. The content ranges are cut around them: a placeholder is ours and may become control tokens.
    /// </summary>
    public static (string Text, IReadOnlyList<Range> Content) Replace(string text, IReadOnlyList<Range> content, IReadOnlyList<string> placeholders)
    {
        if (placeholders.Count == 0)
        {
            return (text, content);
        }

        var output = new System.Text.StringBuilder(text.Length);
        var cuts = new List<(int At, int Length, int NewAt, int NewLength)>();
        var prefix = $"{Begin}{Nonce}-";
        var position = 0;
        while (text.IndexOf(prefix, position, StringComparison.Ordinal) is int at and >= 0 && text.IndexOf(End, at) is int end and >= 0)
        {
            if (!int.TryParse(text.AsSpan(at + prefix.Length, end - at - prefix.Length), out var index) || index >= placeholders.Count)
            {
                break;
            }

            output.Append(text, position, at - position);
            cuts.Add((at, end + 1 - at, output.Length, placeholders[index].Length));
            output.Append(placeholders[index]);
            position = end + 1;
        }

        output.Append(text, position, text.Length - position);
        return (output.ToString(), Cut(content, cuts, text.Length));
    }

    private static List<Range> Cut(IReadOnlyList<Range> content, List<(int At, int Length, int NewAt, int NewLength)> cuts, int length)
    {
        var result = new List<Range>(content.Count + cuts.Count);
        foreach (var range in content)
        {
            var start = range.Start.GetOffset(length);
            var end = range.End.GetOffset(length);
            foreach ((var at, var cutLength, _, _) in cuts)
            {
                if (at >= end || at + cutLength <= start)
                {
                    continue;
                }

                if (at > start)
                {
                    result.Add(Shift(start, cuts)..Shift(at, cuts));
                }

                start = Math.Min(at + cutLength, end);
            }

            if (start < end)
            {
                result.Add(Shift(start, cuts)..Shift(end, cuts));
            }
        }

        return result;
    }

    /// <summary>Where a position outside all marks has moved to.</summary>
    private static int Shift(int position, List<(int At, int Length, int NewAt, int NewLength)> cuts)
    {
        var delta = 0;
        foreach ((var at, var cutLength, var newAt, var newLength) in cuts)
        {
            if (at + cutLength > position)
            {
                break;
            }

            delta = newAt + newLength - (at + cutLength);
        }

        return position + delta;
    }
}
