using System.Globalization;
using System.Text;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>The gRPC status codes this server sends (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).</summary>
internal enum RpcStatus
{
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    FailedPrecondition = 9,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// <summary>Ends a call with a status other than OK. Thrown by handlers and converted to trailers.</summary>
internal sealed class RpcFailure(RpcStatus status, string detail) : Exception(detail)
{
    public RpcStatus Status { get; } = status;

    public static RpcFailure Invalid(string detail) => new(RpcStatus.InvalidArgument, detail);

    public static RpcFailure Internal(string detail) => new(RpcStatus.Internal, detail);

    public static RpcFailure NotFound(string detail) => new(RpcStatus.NotFound, detail);

    public static RpcFailure Unimplemented(string detail = "") => new(RpcStatus.Unimplemented, detail);
}

/// <summary>Unwinds a handler after an injected fault has ended its call.</summary>
internal sealed class FaultInjectedException : Exception
{
    public FaultInjectedException()
        : base("An injected fault ended this call.")
    {
    }
}

/// <summary>Reads the grpc-timeout header: up to eight digits and a unit (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).</summary>
internal static class GrpcTimeout
{
    public static TimeSpan? Parse(string value)
    {
        if (value.Length is < 2 or > 9
            || !long.TryParse(value.AsSpan(0, value.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var amount))
        {
            return null;
        }

        TimeSpan? timeout = value[^1] switch
        {
            'H' => TimeSpan.FromHours(amount),
            'M' => TimeSpan.FromMinutes(amount),
            'S' => TimeSpan.FromSeconds(amount),
            'm' => TimeSpan.FromMilliseconds(amount),
            'u' => TimeSpan.FromMicroseconds(amount),
            'n' => TimeSpan.FromTicks(amount / TimeSpan.NanosecondsPerTick),
            _ => null,
        };

        // CancellationTokenSource accepts at most about 49 days; a longer deadline is treated as none.
        return timeout > TimeSpan.FromDays(40) ? null : timeout;
    }
}

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
