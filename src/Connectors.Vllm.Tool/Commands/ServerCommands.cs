using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Commands;

/// <summary><c>health</c>, <c>wait</c> and <c>embed</c>: small questions to a server.</summary>
internal static class ServerCommands
{
    public static Command CreateHealth()
    {
        var connection = new ConnectionArguments(demonstration: false);
        var json = JsonOption();
        var command =
            new Command(
                "health",
                "Whether the server is healthy, and what it serves. Exit code 1 when it is not.\n\nExample:\n  vllm-grpc health --endpoint "
                    + "http://gpu-box:50051 --json") { json };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            var engine = open.Chat.GetRequiredService<IVllmEngine>();
            var health = await engine.HealthAsync(cancellationToken).ConfigureAwait(false);
            var model = health.IsHealthy ? await engine.GetModelInfoAsync(cancellationToken).ConfigureAwait(false) : null;
            if (parsed.GetValue(json))
            {
                WriteJson(writer =>
                {
                    writer.WriteBoolean("healthy", health.IsHealthy);
                    writer.WriteString("message", health.Message);
                    writer.WriteString("protocol", engine.Protocol.ToString());
                    writer.WriteString("model", model?.ServedModelName);
                });
            }
            else
            {
                Console.WriteLine(
                    health.IsHealthy ? $"healthy: {model!.ServedModelName}, {engine.Protocol} protocol" : $"not healthy: {health.Message}");
            }

            return health.IsHealthy ? ExitCode.Success : ExitCode.Failure;
        });
        return command;
    }

    public static Command CreateWait()
    {
        var connection = new ConnectionArguments(demonstration: false);
        var timeout = new Option<double>("--timeout") { Description = "Minutes to wait at most.", DefaultValueFactory = _ => 30 };
        var command =
            new Command(
                "wait", "Waits until the server answers and its model is loaded.\n\nExample:\n  vllm-grpc wait --endpoint http://gpu-box:50051 && "
                    + "vllm-grpc batch …") { timeout };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            return await WaitAsync(open.Chat.GetRequiredService<IVllmEngine>(), TimeSpan.FromMinutes(parsed.GetValue(timeout)), cancellationToken)
                .ConfigureAwait(false);
        });
        return command;
    }

    public static Command CreateEmbed()
    {
        var connection = new ConnectionArguments(demonstration: false);
        var texts = new Argument<string[]>("text")
        { Description = "Texts to embed; without them, each line of standard input is one.", Arity = ArgumentArity.ZeroOrMore };
        var command =
            new Command(
                "embed", "Embeds texts: one JSON line each, with the vector.\n\nExample:\n  vllm-grpc embed \"a text\" --endpoint "
                    + "http://gpu-box:50052") { texts };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            using var generator = new VllmEmbeddingGenerator(open.Endpoint);
            var inputs = parsed.GetValue(texts) is { Length: > 0 } given
                ? given
                : (await Console.In.ReadToEndAsync(cancellationToken).ConfigureAwait(false)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            foreach (var text in inputs)
            {
                var vector = await generator.GenerateVectorAsync(text, null, cancellationToken).ConfigureAwait(false);
                WriteJson(writer =>
                {
                    writer.WriteString("text", text);
                    writer.WriteStartArray("embedding");
                    foreach (var number in vector.Span)
                    {
                        writer.WriteNumberValue(number);
                    }

                    writer.WriteEndArray();
                });
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static async Task<int> WaitAsync(IVllmEngine engine, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        for (string? said = null; ;)
        {
            string state;
            try
            {
                var health = await engine.HealthAsync(cancellationToken).ConfigureAwait(false);
                if (health.IsHealthy)
                {
                    Console.WriteLine(
                        string.Create(CultureInfo.InvariantCulture, $"ready after {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s"));
                    return ExitCode.Success;
                }

                state = health.Message;
            }
            catch (VllmException exception) when (exception is VllmConnectionException or VllmTimeoutException || exception.IsRetryable)
            {
                state = exception.Message;
            }

            if (state != said)
            {
                Console.Error.WriteLine(state);
                said = state;
            }

            if (Stopwatch.GetElapsedTime(started) > timeout)
            {
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"not ready after {timeout.TotalMinutes:F0} minutes"));
                return ExitCode.Failure;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(false);
        }
    }

    private static Option<bool> JsonOption() => new("--json") { Description = "As JSON." };

    private static void WriteJson(Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        Console.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
