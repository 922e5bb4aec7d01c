namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Orders strings by code point, as Python and UTF-8 bytes do; UTF-16 order puts U+E000–U+FFFF after the supplementary planes.</summary>
internal sealed class CodePointComparer : IComparer<string>
{
    public static CodePointComparer Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
        {
            return string.CompareOrdinal(x, y);
        }

        var shared = x.AsSpan().CommonPrefixLength(y);
        if (shared == x.Length || shared == y.Length)
        {
            return x.Length - y.Length;
        }

        var (left, right) = (x[shared], y[shared]);
        return char.IsSurrogate(left) == char.IsSurrogate(right) ? left - right : char.IsSurrogate(left) ? 1 : -1;
    }
}
