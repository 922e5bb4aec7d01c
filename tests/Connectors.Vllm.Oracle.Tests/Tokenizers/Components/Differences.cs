namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Collects differences to the reference, and shows the first few when there are any.</summary>
internal static class Differences
{
    private const int Shown = 12;

    public static void AssertNone<T>(IReadOnlyList<string> texts, IReadOnlyList<T> expected, Func<string, T> actual, Func<T, string> show)
    {
        var found = new List<string>();
        for (var i = 0; i < texts.Count; i++)
        {
            var (wanted, got) = (show(expected[i]), Try(() => show(actual(texts[i]))));
            if (wanted != got)
            {
                found.Add($"{Escape(texts[i])}\n   expected {Escape(wanted)}\n   but got  {Escape(got)}");
            }
        }

        Assert.True(found.Count == 0, $"{found.Count} of {texts.Count} differ:\n{string.Join('\n', found.OrderBy(text => text.Length).Take(Shown))}");
    }

    private static string Try(Func<string> action)
    {
        try
        {
            return action();
        }
        catch (Vllm.Tokenizers.TokenizerException exception)
        {
            return "threw " + exception.Message;
        }
    }

    private static string Escape(string text) => string.Concat(text.Select(c => c is >= ' ' and <= '~' ? c.ToString() : $"\\u{(int)c:X4}"));
}
