using System.CommandLine;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Playground;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool.Commands;

/// <summary><c>playground</c>: a local page to talk with a model and to see its prompt as it sees it.</summary>
internal static class PlaygroundCommand
{
    public static Command Create()
    {
        var connection = new ConnectionArguments(demonstration: true);
        var port = new Option<int>("--port")
        { Description = "The port on the loopback address; 0 uses a free one.", DefaultValueFactory = _ => 5051 };
        var json = new Option<bool>("--json") { Description = "Write the address of the page as a JSON object." };
        var command =
            new Command(
                "playground",
                "Opens a local page: chat, tools, structured output, and the prompt token by token.\n\nExample:\n  vllm-grpc playground --endpoint "
                    + "http://gpu-box:50051") { port, json };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (parsed.GetValue(port) is < 0 or > 65535)
            {
                throw new ToolException("--port must be a number from 0 to 65535.");
            }

            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            await using var server = await PlaygroundServer.StartAsync(open, parsed.GetValue(port), cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                JsonLine.Write(Console.Out, writer =>
                {
                    writer.WriteString("address", server.Address.ToString());
                    writer.WriteString("endpoint", open.Endpoint.ToString());
                });
            }
            else
            {
                var answering = open.Demonstration is null ? open.Endpoint.ToString() : "demonstration server";
                Console.WriteLine($"Playground: {server.Address} ({answering}). Ctrl+C stops.");
            }

            await server.WaitAsync(cancellationToken).ConfigureAwait(false);
            return ExitCode.Success;
        });
        return command;
    }
}
