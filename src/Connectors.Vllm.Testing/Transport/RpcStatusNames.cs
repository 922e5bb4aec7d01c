using System.Globalization;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>Names of gRPC status codes as recordings spell them.</summary>
internal static class RpcStatusNames
{
    private static readonly string[] Names =
    [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ];

    public static string Of(RpcStatus status) =>
        (int)status >= 0 && (int)status < Names.Length ? Names[(int)status] : ((int)status).ToString(CultureInfo.InvariantCulture);

    public static RpcStatus Parse(string name)
    {
        var code = Array.IndexOf(Names, name);
        return code >= 0 ? (RpcStatus)code : RpcStatus.Unknown;
    }
}
