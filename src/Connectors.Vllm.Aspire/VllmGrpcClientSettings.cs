namespace Connectors.Vllm.Aspire;

/// <summary>
/// The settings of an Aspire client in addition to <see cref="VllmGrpcOptions"/>, from the connection string and the sections <c>Aspire:Vllm:NAME</c>
/// and <c>Aspire:Vllm</c>, which also contain the options of <see cref="VllmGrpcOptions"/>.
/// </summary>
public sealed class VllmGrpcClientSettings
{
    /// <summary>The server's address; <see langword="null"/> if the configuration lists several as <c>Endpoints</c>.</summary>
    public Uri? Endpoint { get; set; }

    /// <summary>Whether the health check is disabled. Default: false.</summary>
    public bool DisableHealthChecks { get; set; }

    /// <summary>Whether tracing is disabled. Default: false.</summary>
    public bool DisableTracing { get; set; }

    /// <summary>Whether metrics are disabled. Default: false.</summary>
    public bool DisableMetrics { get; set; }
}
