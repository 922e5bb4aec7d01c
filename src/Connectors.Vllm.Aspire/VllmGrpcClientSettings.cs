namespace Connectors.Vllm.Aspire;

/// <summary>
/// What an Aspire client has beside <see cref="VllmGrpcOptions"/>, from the connection string and the sections <c>Aspire:Vllm:NAME</c> and
/// <c>Aspire:Vllm</c>, which hold the options of <see cref="VllmGrpcOptions"/> as well.
/// </summary>
public sealed class VllmGrpcClientSettings
{
    /// <summary>The server's address; <see langword="null"/> when the configuration lists several as <c>Endpoints</c>.</summary>
    public Uri? Endpoint { get; set; }

    /// <summary>Whether no health check is added. Default false.</summary>
    public bool DisableHealthChecks { get; set; }

    /// <summary>Whether no traces are emitted and collected. Default false.</summary>
    public bool DisableTracing { get; set; }

    /// <summary>Whether no metrics are collected. Default false.</summary>
    public bool DisableMetrics { get; set; }
}
