using System.Text.Json;

namespace Connectors.Vllm.Tool.Inspect;

/// <summary>Cuts pieces again: "whole", "char", a list of lengths, or random lengths from a seed. Cut pieces have no token id.</summary>
internal static class Chunks
{
    public static IEnumerable<(string Text, int Id)> Of(List<(string Text, int Id)> pieces, JsonElement? chunks)
    {
        if (chunks is not { } how)
        {
            return pieces;
        }

        var text = string.Concat(pieces.Select(piece => piece.Text));
        return how.ValueKind switch
        {
            JsonValueKind.String when how.GetString() == "whole" => [(text, -1)],
            JsonValueKind.String when how.GetString() == "char" => Cut(text, Forever(() => 1)),
            JsonValueKind.Array => Cut(text, how.EnumerateArray().Select(static length => length.Whole("chunks"))),
            JsonValueKind.Object => Cut(text, RandomLengths(how.Number("seed"), how.Number("max"))),
            _ => throw new ArgumentException("\"chunks\" is \"whole\", \"char\", a list of lengths or {\"seed\":n,\"max\":m}"),
        };
    }

    private static IEnumerable<(string Text, int Id)> Cut(string text, IEnumerable<int> lengths)
    {
        var start = 0;
        foreach (var length in lengths)
        {
            if (start >= text.Length)
            {
                yield break;
            }

            var end = (int)Math.Min(text.Length, (long)start + Math.Max(0, length));
            yield return (text[start..end], -1);
            start = end;
        }

        if (start < text.Length)
        {
            yield return (text[start..], -1);
        }
    }

    private static IEnumerable<int> RandomLengths(int seed, int max)
    {
        // Repeatable on purpose: the seed is part of the question.
#pragma warning disable CA5394
        Random random = new(seed);
        return Forever(() => random.Next(1, Math.Max(1, max) + 1));
#pragma warning restore CA5394
    }

    private static IEnumerable<int> Forever(Func<int> next)
    {
        while (true)
        {
            yield return next();
        }
    }
}
