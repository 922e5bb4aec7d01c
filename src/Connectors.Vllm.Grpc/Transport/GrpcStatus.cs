using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Connectors.Vllm.Grpc;

/// <summary>Status code and message of a finished call, from trailers or from the headers of a trailers-only response.</summary>
internal readonly record struct GrpcStatus(VllmStatusCode Code, string Message)
{
    public static GrpcStatus? Find(HttpHeaders headers)
    {
        if (!headers.NonValidated.TryGetValues("grpc-status", out var values))
        {
            return null;
        }

        var code = int.TryParse(First(values), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 16
            ? (VllmStatusCode)number
            : VllmStatusCode.Unknown;
        var message = headers.NonValidated.TryGetValues("grpc-message", out var messages) ? Uri.UnescapeDataString(First(messages)) : string.Empty;
        return new(code, message);
    }

    /// <summary>What an HTTP status means to gRPC (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).</summary>
    public static VllmStatusCode FromHttp(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest => VllmStatusCode.Internal,
        HttpStatusCode.Unauthorized => VllmStatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => VllmStatusCode.PermissionDenied,
        HttpStatusCode.NotFound => VllmStatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => VllmStatusCode.Unavailable,
        _ => VllmStatusCode.Unknown,
    };

    private static string First(HeaderStringValues values)
    {
        foreach (var value in values)
        {
            return value;
        }

        return string.Empty;
    }
}
