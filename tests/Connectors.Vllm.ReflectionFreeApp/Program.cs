using System.Text.Json;
using Connectors.Vllm;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.ReflectionFreeApp;
using Connectors.Vllm.Testing;

// An application as a trimmed or AOT-compiled one is: JSON without reflection. Prints one line per step; whatever fails ends the process.
Console.WriteLine($"reflection: {JsonSerializer.IsReflectionEnabledByDefault}");
var protocol = Enum.Parse<VllmProtocol>(args[0]);
var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("reflection-free-").FullName);
try
{
    await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Protocol = protocol });
    var options = new VllmGrpcOptions { ModelDirectory = folder };
    options.Endpoints.Add(server.Endpoint);
    await using var client = new VllmChatClient(options);
    await new Steps(server, client).RunAsync();
}
finally
{
    Directory.Delete(folder, recursive: true);
}
