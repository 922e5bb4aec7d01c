namespace Connectors.Vllm.Shared;

/// <summary>Names of gRPC status codes as gRPC writes them (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).</summary>
internal static class StatusName
{
    private const int Unknown = 2;

    private static readonly string[] Names =
    [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    ];

    /// <summary>Gets the name of a code, for example INVALID_ARGUMENT; UNKNOWN for an undefined code.</summary>
    public static string Of(int code) => Names[(uint)code < (uint)Names.Length ? code : Unknown];

    /// <summary>Gets the code of a name; that of UNKNOWN for an undefined name.</summary>
    public static int CodeOf(string name) => Array.IndexOf(Names, name) is >= 0 and var code ? code : Unknown;
}
