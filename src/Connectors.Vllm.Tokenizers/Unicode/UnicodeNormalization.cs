using System.Buffers;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>
/// NFC, NFD, NFKC and NFKD over UTF-8 (https://www.unicode.org/reports/tr15/), with the reference's tables instead of the runtime's:
/// <see cref="string.Normalize()"/> asks the machine's ICU, and without ICU changes nothing and says nothing. Thread-safe, linear.
/// </summary>
internal sealed class UnicodeNormalization
{
    private static readonly Lazy<UnicodeNormalization> NfcForm = new(() => new(UnicodeForm.Nfc));
    private static readonly Lazy<UnicodeNormalization> NfdForm = new(() => new(UnicodeForm.Nfd));
    private static readonly Lazy<UnicodeNormalization> NfkcForm = new(() => new(UnicodeForm.Nfkc));
    private static readonly Lazy<UnicodeNormalization> NfkdForm = new(() => new(UnicodeForm.Nfkd));

    private readonly int _notInert;
    private readonly bool _compose;
    private readonly CodePointMapping _decompositions;
    private readonly CodePointMap _flags;
    private readonly SearchValues<byte> _riskyLeads;

    private UnicodeNormalization(UnicodeForm form)
    {
        _notInert = (int)form | NormalizationData.Combining;
        _compose = form is UnicodeForm.Nfc or UnicodeForm.Nfkc;
        var isCanonical = form is UnicodeForm.Nfc or UnicodeForm.Nfd;
        _decompositions = isCanonical ? NormalizationData.Canonical : NormalizationData.Compatible;
        _flags = isCanonical ? NormalizationData.CanonicalFlags : NormalizationData.CompatibleFlags;
        _riskyLeads = FindRiskyLeads();
    }

    public static UnicodeNormalization Nfc => NfcForm.Value;

    public static UnicodeNormalization Nfd => NfdForm.Value;

    public static UnicodeNormalization Nfkc => NfkcForm.Value;

    public static UnicodeNormalization Nfkd => NfkdForm.Value;

    /// <summary>Appends the normal form and returns true, or returns false when <paramref name="text"/> is in normal form.</summary>
    public bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        var position = FindNotInert(text, 0, out var start);
        if (position < 0)
        {
            return false;
        }

        var copied = -1;
        var buffer = new NormalizationBuffer(stackalloc int[128]);
        while (position >= 0)
        {
            var end = EndOfRun(text, position);
            Normalize(text[start..end], ref buffer);
            if (!buffer.Equals(text[start..end]))
            {
                output.Append(text[Math.Max(copied, 0)..start]);
                if (output.Alignment is null)
                {
                    buffer.WriteTo(output);
                }
                else
                {
                    WriteAligned(text, start, end, output, ref buffer);
                }

                copied = end;
            }

            position = FindNotInert(text, end, out start);
        }

        buffer.Dispose();
        if (copied >= 0)
        {
            output.Append(text[copied..]);
        }

        return copied >= 0;
    }

    private void Normalize(ReadOnlySpan<byte> run, ref NormalizationBuffer buffer)
    {
        buffer.Clear();
        for (var i = 0; i < run.Length;)
        {
            var codePoint = CodePoints.Read(run, i, out var length);
            buffer.AddDecomposed(codePoint, _decompositions);
            i += length;
        }

        buffer.Order();
        if (_compose)
        {
            buffer.Compose();
        }
    }

    /// <summary>
    /// Writes the normal form of a run, aligned as finely as it can be: each character with its marks by itself, unless two of them join.
    /// </summary>
    private void WriteAligned(ReadOnlySpan<byte> text, int start, int end, Utf8Buffer output, ref NormalizationBuffer buffer)
    {
        for (var from = start; from < end;)
        {
            var to = EndOfCharacter(text, from, end);
            for (int next; to < end && Joins(text[from..to], text[to..(next = EndOfCharacter(text, to, end))], text[from..next], ref buffer);)
            {
                to = next;
            }

            // Marks after a character that they do not combine with, such as a line break, stand for themselves.
            _ = CodePoints.Read(text, from, out var first);
            var marks = from + first;
            to = marks < to && !Joins(text[from..marks], text[marks..to], text[from..to], ref buffer) ? marks : to;
            Normalize(text[from..to], ref buffer);
            output.Alignment!.Replace(output.Length, from, to);
            buffer.WriteTo(output);
            output.Alignment.Copy(output.Length, to);
            from = to;
        }
    }

    /// <summary>Whether the normal form of two parts is another one than theirs one after the other.</summary>
    private bool Joins(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> both, ref NormalizationBuffer buffer)
    {
        Normalize(first, ref buffer);
        var apart = buffer.ToArray();
        Normalize(second, ref buffer);
        apart = [.. apart, .. buffer.ToArray()];
        Normalize(both, ref buffer);
        return !apart.AsSpan().SequenceEqual(buffer.ToArray());
    }

    /// <summary>Where a character and the combining marks after it end.</summary>
    private static int EndOfCharacter(ReadOnlySpan<byte> text, int at, int end)
    {
        _ = CodePoints.Read(text, at, out var length);
        for (at += length; at < end && NormalizationData.CombiningClasses[CodePoints.Read(text, at, out length)] != 0;)
        {
            at += length;
        }

        return at;
    }

    /// <summary>
    /// The first code point from <paramref name="from"/> on that is not inert, or -1; <paramref name="start"/> is where the character
    /// before it begins, which it may combine with.
    /// </summary>
    private int FindNotInert(ReadOnlySpan<byte> text, int from, out int start)
    {
        var flags = _flags;
        var position = from;
        while (position < text.Length)
        {
            if (!_riskyLeads.Contains(text[position]))
            {
                var skip = text[position..].IndexOfAny(_riskyLeads);
                if (skip < 0)
                {
                    break;
                }

                position += skip;
            }

            var codePoint = CodePoints.Read(text, position, out var length);
            if ((flags[codePoint] & _notInert) != 0)
            {
                start = position;
                if (position > from)
                {
                    _ = CodePoints.ReadBefore(text, position, out var before);
                    start -= before;
                }

                return position;
            }

            position += length;
        }

        start = -1;
        return -1;
    }

    private int EndOfRun(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length)
        {
            var codePoint = CodePoints.Read(text, position, out var length);
            if ((_flags[codePoint] & _notInert) == 0)
            {
                break;
            }

            position += length;
        }

        return position;
    }

    /// <summary>Lead bytes that begin at least one code point which is not inert. Other bytes can be skipped as fast as memory is read.</summary>
    private SearchValues<byte> FindRiskyLeads()
    {
        var risky = new bool[256];
        foreach (var block in _flags.UsedBlocks())
        {
            for (var codePoint = Math.Max(0x80, block); codePoint < block + 256; codePoint++)
            {
                if ((_flags[codePoint] & _notInert) != 0)
                {
                    risky[codePoint switch
                    {
                        < 0x800 => 0xC0 | codePoint >> 6,
                        < 0x10000 => 0xE0 | codePoint >> 12,
                        _ => 0xF0 | codePoint >> 18,
                    }] = true;
                }
            }
        }

        return SearchValues.Create([.. Enumerable.Range(0, 256).Where(value => risky[value]).Select(value => (byte)value)]);
    }
}

/// <summary>Unicode normalization forms; the value is the form's bit in the quick-check table.</summary>
internal enum UnicodeForm
{
    /// <summary>Canonical decomposition, then composition.</summary>
    Nfc = 1,

    /// <summary>Canonical decomposition.</summary>
    Nfd = 2,

    /// <summary>Compatibility decomposition, then composition.</summary>
    Nfkc = 4,

    /// <summary>Compatibility decomposition.</summary>
    Nfkd = 8,
}
