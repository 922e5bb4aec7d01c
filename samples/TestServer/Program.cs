using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using Connectors.Vllm.Samples.TestServer;
using Connectors.Vllm.Testing;

var port = new Option<int>("--port") { Description = "Port to listen on; 0 takes a free one.", DefaultValueFactory = _ => 50051 };
var host = new Option<string>("--host") { Description = "Address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
var family = new Option<VllmServerFamily>("--family") { Description = "Protocol family: a (vllm serve --grpc) or b (--grpc-port)." };
var age = new Option<VllmServerAge?>("--age") { Description = "Age of the protocol; default the newest of the family." };
var modelDirectory = new Option<string?>("--model-dir") { Description = "Folder with tokenizer.json, config.json and so on; default the small model that ships with the package." };
var modelName = new Option<string?>("--served-model-name") { Description = "Name under which the model is served." };
var delay = new Option<int>("--delay") { Description = "Milliseconds between two tokens.", DefaultValueFactory = _ => 25 };
var tls = new Option<bool>("--tls") { Description = "Serve TLS with a certificate made at start; its path is printed, for clients to trust." };
var record = new Option<string?>("--record") { Description = "With --upstream: append every exchange to this file, one JSON object a line." };
var upstream = new Option<Uri?>("--upstream") { Description = "Pass every call on to this real server, e.g. http://gpu-box:50051.", CustomParser = ParseUri };
var replay = new Option<string?>("--replay") { Description = "Answer from this recording instead of making answers up." };
var command = new RootCommand("A vLLM gRPC server without a GPU: answers with a small demonstration model, records a real server, or replays a recording.")
{
    port, host, family, age, modelDirectory, modelName, delay, tls, record, upstream, replay,
};
command.Validators.Add(result =>
{
    if (result.GetValue(port) is < 0 or > 65535)
    {
        result.AddError("--port is a number from 0 to 65535.");
    }

    if (result.GetValue(record) is not null && result.GetValue(upstream) is null)
    {
        result.AddError("--record needs --upstream: the server whose answers are recorded.");
    }

    if (result.GetValue(replay) is not null && result.GetValue(upstream) is not null)
    {
        result.AddError("--replay and --upstream exclude each other.");
    }
});
command.SetAction(async (arguments, cancellationToken) =>
{
    using var certificate = arguments.GetValue(tls) ? new LocalCertificate() : null;
    var options = new VllmTestServerOptions
    {
        Family = arguments.GetValue(family),
        Age = arguments.GetValue(age),
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

static async Task<int> ServeAsync(VllmTestServerOptions options, string host, LocalCertificate? certificate, CancellationToken cancellationToken)
{
    if (!IPAddress.TryParse(host == "localhost" ? "127.0.0.1" : host, out var address))
    {
        return Complain($"--host {host} is not an IP address.");
    }

    options.Address = address;
    try
    {
        await using var server = await VllmTestServer.StartAsync(options, cancellationToken);
        Console.WriteLine($"Listening on {server.Endpoint} (family {(options.Age ?? (options.Family == VllmServerFamily.A ? VllmServerAge.A3 : VllmServerAge.B1))}). Ctrl+C stops.");
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
