using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Aspire.Hosting;

/// <summary>A vLLM server in a container. Its connection string contains the address and the model for <c>Connectors.Vllm.Aspire</c>.</summary>
public sealed class VllmResource : ContainerResource, IResourceWithConnectionString
{
    private EndpointReference? _grpc;

    internal VllmResource(string name, string model, VllmProtocol protocol)
        : base(name)
    {
        Model = model;
        Protocol = protocol;
    }

    /// <summary>The model: an id on the Hugging Face hub, or a folder inside the container.</summary>
    public string Model { get; internal set; }

    /// <summary>The gRPC protocol that the server speaks.</summary>
    public VllmProtocol Protocol { get; }

    /// <summary>The name under which the model is served; <see langword="null"/> uses <see cref="Model"/>.</summary>
    public string? ServedModelName { get; internal set; }

    /// <summary>The endpoint of the gRPC protocol.</summary>
    public EndpointReference GrpcEndpoint => _grpc ??= new EndpointReference(this, VllmLaunch.GrpcEndpoint);

    /// <summary>
    /// The connection string: <c>Endpoint=http://host:port;Model=…</c>, with <c>ModelDirectory=…</c> if set by <c>WithClientModelDirectory</c>.
    /// </summary>
    /// <exception cref="DistributedApplicationException">Clients could not find the model's tokenizer, because the Inference protocol
    /// does not send it.</exception>
    public ReferenceExpression ConnectionStringExpression
    {
        get
        {
            if (Protocol != VllmProtocol.VllmEngine && ClientModelDirectory is null && Model.StartsWith('/'))
            {
                throw new DistributedApplicationException(
                    $"The vLLM resource '{Name}' serves the folder '{Model}' over the Inference protocol, which does not send tokenizers, so its "
                    + "clients need the model's files. Call WithClientModelDirectory(\"…\") with a folder that the clients can read, or serve a "
                    + "model by its hub id.");
            }

            var builder = new ReferenceExpressionBuilder();
            builder.Append(
                $"Endpoint={GrpcEndpoint.Property(EndpointProperty.Scheme)}:/"
                    + $"/{GrpcEndpoint.Property(EndpointProperty.Host)}:{GrpcEndpoint.Property(EndpointProperty.Port)}");
            builder.AppendLiteral($";Model={ServedModelName ?? Model}");
            if (ClientModelDirectory is not null)
            {
                builder.AppendLiteral($";ModelDirectory={ClientModelDirectory}");
            }

            return builder.Build();
        }
    }

    internal string? ClientModelDirectory { get; set; }

    internal int? MaxModelLength { get; set; }

    internal int? TensorParallelSize { get; set; }

    internal string? ServicerVersion { get; set; } = VllmLaunch.ServicerVersion;
}
