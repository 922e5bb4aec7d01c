using System.Buffers;

namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>
/// The tags that tell which document a span of an answer rests on: <c>&lt;co&gt;span&lt;/co: 0:[1,2]&gt;</c>, or <c>&lt;co: 0&gt;span&lt;/co:
/// 0&gt;</c>.
/// </summary>
internal static class Citation
{
    private const int MaxLength = 512;
    private static readonly SearchValues<char> Numbers = SearchValues.Create(" 0123456789:[],");

    /// <summary>
    /// Length of the tag that <paramref name="text"/> begins with; 0 when it is none. <paramref name="open"/> when the text ends inside of what
    /// may be one.
    /// </summary>
    public static int Length(ReadOnlySpan<char> text, int begun, out bool open)
    {
        var inner = text[begun..Math.Min(text.Length, MaxLength)];
        var end = inner.IndexOfAnyExcept(Numbers);
        open = end < 0 && text.Length < MaxLength;
        return end >= 0 && inner[end] == '>' ? begun + end + 1 : 0;
    }
}
