using System.Globalization;
using System.Text;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>Percent-encodes the grpc-message trailer (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Status-Message").</summary>
internal static class GrpcMessageText
{
    public static string Encode(string text)
    {
        StringBuilder? encoded = null;
        Span<byte> utf8 = stackalloc byte[4];
        var position = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var plain = rune.Value is >= 0x20 and <= 0x7E && rune.Value != '%';
            if (!plain)
            {
                encoded ??= new StringBuilder(text, 0, position, text.Length + 16);
                var count = rune.EncodeToUtf8(utf8);
                foreach (var value in utf8[..count])
                {
                    encoded.Append('%').Append(value.ToString("X2", CultureInfo.InvariantCulture));
                }
            }
            else
            {
                encoded?.Append((char)rune.Value);
            }

            position += rune.Utf16SequenceLength;
        }

        return encoded?.ToString() ?? text;
    }
}
