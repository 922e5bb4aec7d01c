using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using System.Text.Json;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Serve;

/// <summary>The options of a test server on the command line, and how it runs until Ctrl+C.</summary>
internal sealed class ServeArguments
{
    private readonly Option<int> _port = new("--port")
    {
        Description = "The port to listen on; 0 uses a free one.",
        DefaultValueFactory = _ => 50051,
        CustomParser = ParsePort,
    };
    private readonly Option<string> _host = new("--host") { Description = "The address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
    private readonly Option<string?> _modelDirectory = new("--model-dir")
    { Description = "The folder with the model's tokenizer.json, config.json and other files. Default: the small model that ships with the "
        + "package." };
    private readonly Option<string?> _modelName = new("--served-model-name") { Description = "The name under which the model is served." };
    private readonly Option<int> _delay = new("--delay")
        { Description = "The delay between two tokens, in milliseconds.", DefaultValueFactory = _ => 25 };
    private readonly Option<bool> _tls = new("--tls")
    { Description = "Serve TLS with a certificate generated at startup; its path is printed, for clients to trust." };
    private readonly Option<string?> _record = new("--record")
    { Description = "With --upstream, append every exchange to this file, one JSON object per line." };
    private readonly Option<Uri?> _upstream = new("--upstream")
    { Description = "Forward every call to this server, for example http://gpu-box:50051.", CustomParser = ConnectionArguments.ReadHttpAddress };
    private readonly Option<string?> _replay = new("--replay") { Description = "Answer from this recording instead of generating answers." };
    private readonly Option<bool> _json = new("--json") { Description = "Write the address as a JSON object." };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _port, _host, _modelDirectory, _modelName, _delay, _tls, _record, _upstream, _replay, _json })
        {
            command.Options.Add(option);
        }

        command.Validators.Add(result =>
        {
            // Presence only: asking for the value of an option that failed to parse throws.
            if (result.GetResult(_record) is not null && result.GetResult(_upstream) is null)
            {
                result.AddError("--record requires --upstream, the server whose answers are recorded.");
            }

            if (result.GetResult(_replay) is not null && result.GetResult(_upstream) is not null)
            {
                result.AddError("--replay and --upstream are mutually exclusive.");
            }
        });
    }

    public Uri? Upstream(ParseResult parsed) => parsed.GetValue(_upstream);

    public string? RecordFile(ParseResult parsed) => parsed.GetValue(_record);

    public string? ReplayFile(ParseResult parsed) => parsed.GetValue(_replay);

    /// <summary>Starts a server with these options and waits for Ctrl+C.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="options">The options set by the caller, to which the others are added.</param>
    /// <param name="name">The name of the server's mode.</param>
    /// <param name="start">Starts the server.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ToolException">The address cannot be listened on.</exception>
    public async Task<int> RunAsync<TOptions>(
        ParseResult parsed, TOptions options, string name, Func<TOptions, Task<VllmTestServer>> start, CancellationToken cancellationToken)
        where TOptions : VllmTestServerOptions
    {
        using var certificate = parsed.GetValue(_tls) ? new LocalCertificate() : null;
        options.Address = ParseAddress(parsed.GetValue(_host)!);
        options.Port = parsed.GetValue(_port);
        options.ModelDirectory = parsed.GetValue(_modelDirectory);
        options.ServedModelName = parsed.GetValue(_modelName);
        options.DelayPerMessage = TimeSpan.FromMilliseconds(parsed.GetValue(_delay));
        options.Certificate = certificate?.Certificate;
        await using var server = await start(options).ConfigureAwait(false);
        if (parsed.GetValue(_json))
        {
            WriteJson(server, name, certificate);
        }
        else
        {
            Console.WriteLine($"Listening on {server.Endpoint} as {name}. Ctrl+C stops.");
            if (certificate is not null)
            {
                Console.WriteLine($"Certificate to trust: {certificate.PemFile}");
            }

            if (server.ModelDirectory is { } folder)
            {
                Console.WriteLine($"Tokenizer and chat template for clients: {folder}");
            }
        }

        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Ctrl+C.
        }

        return ExitCode.Success;
    }

    private static void WriteJson(VllmTestServer server, string name, LocalCertificate? certificate) => JsonLine.Write(Console.Out, writer =>
    {
        writer.WriteString("endpoint", server.Endpoint.ToString());
        writer.WriteString("server", name);
        writer.WriteString("certificate", certificate?.PemFile);
        writer.WriteString("model_directory", server.ModelDirectory);
    });

    private static IPAddress ParseAddress(string host) => IPAddress.TryParse(host == "localhost" ? "127.0.0.1" : host, out var address)
        ? address
        : throw new ToolException($"--host {host} is not an IP address.");

    private static int ParsePort(ArgumentResult result)
    {
        if (!int.TryParse(result.Tokens[^1].Value, out var port) || port is < 0 or > 65535)
        {
            result.AddError($"--port {result.Tokens[^1].Value} is not a number from 0 to 65535.");
        }

        return port;
    }
}
