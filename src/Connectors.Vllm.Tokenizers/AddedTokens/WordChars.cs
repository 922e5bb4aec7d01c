using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>The character tests of added tokens: <c>\w</c> and <c>\s</c> as Unicode's regex annex (UTS 18) defines them.</summary>
internal static class WordChars
{
    public static bool EndsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeLastFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    public static bool BeginsWithWord(ReadOnlySpan<byte> text) =>
        Rune.DecodeFromUtf8(text, out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune.Value);

    /// <summary>Length of the text without the white space at its end.</summary>
    public static int TrimEnd(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeLastFromUtf8(text, out var rune, out var length) == System.Buffers.OperationStatus.Done && IsSpace(rune.Value))
        {
            text = text[..^length];
        }

        return text.Length;
    }

    /// <summary>Length of the text without the white space at its start.</summary>
    public static int TrimStart(ReadOnlySpan<byte> text)
    {
        while (Rune.DecodeFromUtf8(text, out var rune, out var length) == System.Buffers.OperationStatus.Done && IsSpace(rune.Value))
        {
            text = text[length..];
        }

        return text.Length;
    }

    private static bool IsWord(int codePoint) => UnicodeSets.RustWord.Contains(codePoint);

    private static bool IsSpace(int codePoint) => (CharClasses.Of(codePoint) & CharClass.Space) != 0;
}
