using System.CommandLine;
using Connectors.Vllm.Emulator;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tool.Serve;
using Connectors.Vllm.Tool.Terminal;

// `vllm-grpc serve` with one addition: it emulates vLLM's own servers in detail (checks, old versions, crashes), as the tests of this
// repository need them.
var kind = new Option<EmulatedServer>("--server") { Description = "The vLLM server to emulate. Default: VllmEngine." };
var serve = new ServeArguments();
var command = new RootCommand(
    "A vLLM gRPC server without a GPU: answers with a small demonstration model, records a real server, or replays a recording.") { kind };
serve.AddTo(command);
command.SetAction((arguments, cancellationToken) =>
{
    var options = new VllmEmulatorOptions
    {
        Server = arguments.GetValue(kind),
        RecordFile = serve.RecordFile(arguments),
        Upstream = serve.Upstream(arguments),
        ReplayFile = serve.ReplayFile(arguments),
    };
    return serve.RunAsync(
        arguments, options, options.Server.ToString(), async ready => await VllmEmulator.StartAsync(ready, cancellationToken), cancellationToken);
});
try
{
    return await command.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception exception) when (exception is ToolException or InvalidDataException or IOException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
