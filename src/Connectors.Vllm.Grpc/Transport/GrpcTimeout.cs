using System.Globalization;

namespace Connectors.Vllm.Grpc;

/// <summary>The <c>grpc-timeout</c> header: at most eight digits and a unit (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).</summary>
internal static class GrpcTimeout
{
    private const long MaxDigits = 99_999_999;

    public static string Format(TimeSpan timeout)
    {
        var milliseconds = (long)Math.Ceiling(Math.Max(timeout.TotalMilliseconds, 1));
        return milliseconds <= MaxDigits
            ? milliseconds.ToString(CultureInfo.InvariantCulture) + "m"
            : Math.Min(milliseconds / 1000, MaxDigits).ToString(CultureInfo.InvariantCulture) + "S";
    }
}
