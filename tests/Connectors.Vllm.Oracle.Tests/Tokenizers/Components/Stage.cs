using System.Text;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Runs one stage of the pipeline on strings.</summary>
internal static class Stage
{
    /// <summary>
    /// All code points of the planes that hold more than ideographs, a sample of those, each between two texts, 64 in a string. The upper
    /// planes are unassigned or private.
    /// </summary>
    public static List<string> AllCodePoints(string before, string after) =>
    [
        .. Enumerable.Range(0, 0x20000).Concat(Enumerable.Range(0x1400, 0x1400).Select(row => row << 4 | row & 0xF))
            .Concat(Enumerable.Range(0xE0000, 0x400))
            .Where(codePoint => codePoint is < 0xD800 or >= 0xE000)
            .Chunk(64)
            .Select(chunk => string.Concat(chunk.Select(codePoint => before + char.ConvertFromUtf32(codePoint) + after))),
    ];

    public static string Normalize(Normalizer? normalizer, string text)
    {
        var output = new Utf8Buffer();
        var utf8 = Encoding.UTF8.GetBytes(text);
        return Encoding.UTF8.GetString(
            normalizer is not null && normalizer.TryNormalize(utf8, output, new TextBudget(utf8.Length)) ? output.Written : utf8);
    }

    public static string[] Pieces(PreTokenizer? preTokenizer, string text)
    {
        var utf8 = Encoding.UTF8.GetBytes(text);
        if (utf8.Length == 0)
        {
            return [];
        }

        if (preTokenizer is null)
        {
            return [Encoding.UTF8.GetString(utf8)];
        }

        var pieces = new PieceList { AtTextStart = true };
        preTokenizer.PreTokenize(utf8, atTextStart: true, pieces, new TextBudget(utf8.Length));
        return [.. Enumerable.Range(0, pieces.Count).Select(i => Encoding.UTF8.GetString(pieces[i]))];
    }
}
