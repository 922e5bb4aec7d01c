using System.CommandLine;
using System.CommandLine.Parsing;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tool.Connections;

/// <summary>The options that say which server to talk to; the same for every verb that talks to one.</summary>
internal sealed class ConnectionArguments
{
    /// <summary>Environment variable with the address, for people who always use the same server.</summary>
    public const string EndpointVariable = "VLLM_GRPC_ENDPOINT";

    private readonly Option<string[]> _endpoints = new("--endpoint", "-e")
    {
        Description = $"The address of a vLLM gRPC server, for example http://gpu-box:50051. Repeat it for several servers of the same model. "
            + $"Default: {EndpointVariable}.",
    };

    private readonly Option<string?> _modelDirectory = new("--model-dir")
    { Description = "The folder with tokenizer and chat template. Default: from the server or the hub." };
    private readonly Option<string?> _token = new("--token")
    { Description = "The bearer token for a proxy in front of the server. Default: VLLM_GRPC_TOKEN." };
    private readonly Option<string?> _rootCertificate = new("--root-certificate")
    { Description = "A PEM file with the authorities to trust for an https server, such as that of 'serve --tls'. Default: the system's." };
    private readonly bool _demonstration;

    /// <param name="demonstration">Whether the verb runs against an embedded demonstration server when no address is given.</param>
    public ConnectionArguments(bool demonstration)
    {
        _demonstration = demonstration;
        if (demonstration)
        {
            _endpoints.Description += " Without either, an embedded demonstration server is used.";
        }
    }

    public void AddTo(Command command)
    {
        foreach (var option in All)
        {
            command.Options.Add(option);
        }
    }

    public Option[] All => [_endpoints, _modelDirectory, _token, _rootCertificate];

    /// <summary>The folder of a model that is looked at by itself; null when a server is named, or neither.</summary>
    public string? FolderAlone(ParseResult parsed) => parsed.GetValue(_endpoints) is { Length: > 0 } ? null : parsed.GetValue(_modelDirectory);

    /// <summary>Opens a connection according to the command line.</summary>
    /// <exception cref="ToolException">No address was given and the verb needs one, or it is not an address.</exception>
    public async Task<Connection> OpenAsync(
        ParseResult parsed, ILoggerFactory? loggers, CancellationToken cancellationToken, Action<VllmGrpcOptions>? configure = null)
    {
        var addresses = parsed.GetValue(_endpoints) is { Length: > 0 } given ? given
            : Environment.GetEnvironmentVariable(EndpointVariable) is { Length: > 0 } variable
                ? variable.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            : [];
        var options = new VllmGrpcOptions { ModelDirectory = parsed.GetValue(_modelDirectory) };
        options.Connection.BearerToken = parsed.GetValue(_token) ?? Environment.GetEnvironmentVariable("VLLM_GRPC_TOKEN");
        options.Connection.RootCertificateFile = parsed.GetValue(_rootCertificate);
        if (options.Connection.RootCertificateFile is { } file && !File.Exists(file))
        {
            throw new ToolException($"--root-certificate: the file '{file}' does not exist.");
        }

        if (options.ModelDirectory is { } folder && !Directory.Exists(folder))
        {
            throw new ToolException($"--model-dir: the folder '{folder}' does not exist.");
        }

        VllmTestServer? server = null;
        if (addresses.Length == 0)
        {
            if (!_demonstration)
            {
                throw new ToolException($"No server is given: pass --endpoint http://host:port, or set {EndpointVariable}.");
            }

            server = await VllmTestServer.StartAsync(new VllmTestServerOptions { ModelDirectory = options.ModelDirectory }, cancellationToken)
                .ConfigureAwait(false);
            options.Endpoints.Add(server.Endpoint);
        }

        foreach (var address in addresses)
        {
            options.Endpoints.Add(ParseAddress(address));
        }

        configure?.Invoke(options);
        return new Connection(options, new VllmChatClient(options, loggers), server);
    }

    /// <summary>Reads an http or https address; null, and an error of the command line, when it is none.</summary>
    public static Uri? ReadHttpAddress(ArgumentResult result)
    {
        var text = result.Tokens[^1].Value;
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
        {
            return uri;
        }

        result.AddError($"'{text}' is not an http or https address, such as http://gpu-box:50051.");
        return null;
    }

    private static Uri ParseAddress(string address)
    {
        try
        {
            return EndpointAddress.Parse(address);
        }
        catch (ArgumentException exception)
        {
            throw new ToolException($"--endpoint {exception.Message}");
        }
    }
}

/// <summary>A client and its demonstration server, if there is one.</summary>
internal sealed class Connection(VllmGrpcOptions options, VllmChatClient client, VllmTestServer? server) : IAsyncDisposable
{
    public VllmGrpcOptions Options { get; } = options;

    public VllmChatClient Client { get; } = client;

    public IChatClient Chat => Client;

    /// <summary>The embedded demonstration server; null when a real one is used.</summary>
    public VllmTestServer? Demonstration { get; } = server;

    public Uri Endpoint => Options.Endpoints[0];

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync().ConfigureAwait(false);
        if (Demonstration is not null)
        {
            await Demonstration.DisposeAsync().ConfigureAwait(false);
        }
    }
}
