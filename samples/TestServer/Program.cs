using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using Connectors.Vllm.Samples.TestServer;
using Connectors.Vllm.Emulator;
using Connectors.Vllm.Testing;

var port = new Option<int>("--port")
{
    Description = "Port to listen on; 0 takes a free one.",
    DefaultValueFactory = _ => 50051,
    CustomParser = ParsePort,
};
var host = new Option<string>("--host") { Description = "Address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
var kind = new Option<EmulatedServer>("--server") { Description = "Which of vLLM's servers to play; default VllmEngine." };
var modelDirectory = new Option<string?>("--model-dir")
{
    Description = "Folder with tokenizer.json, config.json and so on; default the small model that ships with the package.",
};
var modelName = new Option<string?>("--served-model-name") { Description = "Name under which the model is served." };
var delay = new Option<int>("--delay") { Description = "Milliseconds between two tokens.", DefaultValueFactory = _ => 25 };
var tls = new Option<bool>("--tls") { Description = "Serve TLS with a certificate made at start; its path is printed, for clients to trust." };
var record = new Option<string?>("--record") { Description = "With --upstream: append every exchange to this file, one JSON object a line." };
var upstream = new Option<Uri?>("--upstream")
{
    Description = "Pass every call on to this real server, e.g. http://gpu-box:50051.",
    CustomParser = ParseUri,
};
var replay = new Option<string?>("--replay") { Description = "Answer from this recording instead of making answers up." };
var command = new RootCommand(
    "A vLLM gRPC server without a GPU: answers with a small demonstration model, records a real server, or replays a recording.")
{
    port, host, kind, modelDirectory, modelName, delay, tls, record, upstream, replay,
};
command.Validators.Add(result =>
{
    // Presence only: asking for the value of an option that failed to parse throws.
    if (result.GetResult(record) is not null && result.GetResult(upstream) is null)
    {
        result.AddError("--record needs --upstream: the server whose answers are recorded.");
    }

    if (result.GetResult(replay) is not null && result.GetResult(upstream) is not null)
    {
        result.AddError("--replay and --upstream exclude each other.");
    }
});
command.SetAction(async (arguments, cancellationToken) =>
{
    using var certificate = arguments.GetValue(tls) ? new LocalCertificate() : null;
    var options = new VllmEmulatorOptions
    {
        Server = arguments.GetValue(kind),
        Port = arguments.GetValue(port),
        ModelDirectory = arguments.GetValue(modelDirectory),
        ServedModelName = arguments.GetValue(modelName),
        DelayPerMessage = TimeSpan.FromMilliseconds(arguments.GetValue(delay)),
        Certificate = certificate?.Certificate,
        RecordFile = arguments.GetValue(record),
        Upstream = arguments.GetValue(upstream),
        ReplayFile = arguments.GetValue(replay),
    };
    return await ServeAsync(options, arguments.GetValue(host)!, certificate, cancellationToken);
});
return await command.Parse(args).InvokeAsync();

static async Task<int> ServeAsync(VllmEmulatorOptions options, string host, LocalCertificate? certificate, CancellationToken cancellationToken)
{
    if (!IPAddress.TryParse(host == "localhost" ? "127.0.0.1" : host, out var address))
    {
        return Complain($"--host {host} is not an IP address.");
    }

    options.Address = address;
    try
    {
        await using var server = await VllmEmulator.StartAsync(options, cancellationToken);
        Console.WriteLine($"Listening on {server.Endpoint} as {options.Server}. Ctrl+C stops.");
        if (certificate is not null)
        {
            Console.WriteLine($"Certificate to trust: {certificate.PemFile}");
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        return 0;
    }
    catch (OperationCanceledException)
    {
        return 0;
    }
    catch (Exception exception) when (exception is VllmTestServerException or IOException or SocketException)
    {
        return Complain(exception.Message);
    }
}

static int Complain(string message)
{
    Console.Error.WriteLine(message);
    return 1;
}

static int ParsePort(System.CommandLine.Parsing.ArgumentResult result)
{
    if (!int.TryParse(result.Tokens[^1].Value, out var port) || port is < 0 or > 65535)
    {
        result.AddError($"--port {result.Tokens[^1].Value} is not a number from 0 to 65535.");
    }

    return port;
}

static Uri? ParseUri(System.CommandLine.Parsing.ArgumentResult result)
{
    var text = result.Tokens[^1].Value;
    if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
    {
        return uri;
    }

    result.AddError($"'{text}' is not an http or https address, e.g. http://gpu-box:50051.");
    return null;
}
