using System.Buffers;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>
/// A growing buffer of UTF-8 bytes, reused between calls; not thread-safe. There are always <see cref="Slack"/> readable bytes after the text, so
/// that scanners and caches can load whole machine words at its end.
/// </summary>
internal sealed class Utf8Buffer : IBufferWriter<byte>
{
    /// <summary>The number of readable (undefined) bytes after the text.</summary>
    public const int Slack = 32;

    private byte[] _bytes = new byte[256];

    /// <summary>The length of the text in bytes.</summary>
    public int Length { get; private set; }

    /// <summary>The text.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    /// <summary>The underlying array, at least <see cref="Slack"/> bytes longer than the text.</summary>
    public byte[] Array => _bytes;

    /// <summary>The maximum length.</summary>
    public int Limit { get; set; } = System.Array.MaxLength;

    /// <summary>The source positions of the text; null if not requested.</summary>
    public Alignment? Alignment { get; set; }

    public void Clear() => Length = 0;

    public void Append(ReadOnlySpan<byte> text)
    {
        text.CopyTo(GetSpan(text.Length));
        Length += text.Length;
    }

    /// <summary>Appends the replacement of a part of the source. The text appended next is copied from the source after that part.</summary>
    public void AppendFor(int sourceStart, int sourceEnd, ReadOnlySpan<byte> content)
    {
        Alignment?.Replace(Length, sourceStart, sourceEnd);
        Append(content);
        Alignment?.Copy(Length, sourceEnd);
    }

    public void Append(byte value)
    {
        GetSpan(1)[0] = value;
        Length++;
    }

    /// <summary>Appends one code point (a Unicode scalar value).</summary>
    public void AppendCodePoint(int codePoint)
    {
        var span = GetSpan(4);
        if (codePoint < 0x80)
        {
            span[0] = (byte)codePoint;
            Length++;
        }
        else
        {
            Length += new System.Text.Rune(codePoint).EncodeToUtf8(span);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        if (_bytes.Length - Length < sizeHint + Slack)
        {
            Grow(sizeHint);
        }

        return _bytes.AsSpan(Length, _bytes.Length - Length - Slack);
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        _ = GetSpan(sizeHint);
        return _bytes.AsMemory(Length, _bytes.Length - Length - Slack);
    }

    public void Advance(int count) => Length += count;

    /// <summary>Releases memory after a very large text.</summary>
    public void Trim(int keep)
    {
        Length = 0;
        if (_bytes.Length > keep)
        {
            _bytes = new byte[256];
        }
    }

    private void Grow(int sizeHint)
    {
        if ((long)Length + sizeHint > Limit)
        {
            throw TextBudget.BudgetExceeded("memory");
        }

        var wanted = Math.Max((long)_bytes.Length * 2, (long)Length + sizeHint + Slack);
        System.Array.Resize(ref _bytes, (int)Math.Min(System.Array.MaxLength, wanted));
    }
}
