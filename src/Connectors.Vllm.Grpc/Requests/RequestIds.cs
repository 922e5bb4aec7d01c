namespace Connectors.Vllm.Grpc;

/// <summary>Ids for requests: unique, in order of time.</summary>
internal static class RequestIds
{
    public static string Next() => Guid.CreateVersion7().ToString("N");
}
