using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tool.Connections;
using Connectors.Vllm.Tool.Terminal;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Commands;

/// <summary><c>health</c>, <c>wait</c> and <c>embed</c>: small questions to a server.</summary>
internal static class ServerCommands
{
    /// <summary>Texts that <c>embed</c> sends before it writes the first vector.</summary>
    private const int AtATime = 64;

    public static Command CreateHealth()
    {
        var connection = new ConnectionArguments(demonstration: false);
        var json = JsonOption();
        var command =
            new Command(
                "health",
                "Shows whether the server is healthy, and what it serves. The exit code is 1 if it is unhealthy.\n\nExample:\n  vllm-grpc health "
                    + "--endpoint http://gpu-box:50051 --json") { json };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            var engine = open.Chat.GetRequiredService<IVllmEngine>();
            var health = await HealthAsync(engine, cancellationToken).ConfigureAwait(false);
            var model = health.IsHealthy ? await engine.GetModelInfoAsync(cancellationToken).ConfigureAwait(false) : null;
            if (parsed.GetValue(json))
            {
                JsonLine.Write(Console.Out, writer =>
                {
                    writer.WriteBoolean("healthy", health.IsHealthy);
                    writer.WriteString("message", health.Message);
                    writer.WriteString("protocol", engine.Protocol.ToString());
                    writer.WriteString("model", model?.ServedModelName);
                });
            }
            else
            {
                Console.WriteLine(TerminalText.Clean(
                    health.IsHealthy ? $"healthy: {model!.ServedModelName}, {engine.Protocol} protocol" : $"not healthy: {health.Message}"));
            }

            return health.IsHealthy ? ExitCode.Success : ExitCode.Failure;
        });
        return command;
    }

    public static Command CreateWait()
    {
        var connection = new ConnectionArguments(demonstration: false);
        var json = JsonOption();
        var timeout = new Option<double>("--timeout") { Description = "The maximum number of minutes to wait.", DefaultValueFactory = _ => 30 };
        var command =
            new Command(
                "wait", "Waits until the server responds and its model is loaded.\n\nExample:\n  vllm-grpc wait --endpoint http://gpu-box:50051 && "
                    + "vllm-grpc batch …") { timeout, json };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            return await WaitAsync(
                open.Chat.GetRequiredService<IVllmEngine>(), ToolException.Minutes(parsed.GetValue(timeout), "--timeout"), parsed.GetValue(json),
                cancellationToken)
                .ConfigureAwait(false);
        });
        return command;
    }

    public static Command CreateEmbed()
    {
        var connection = new ConnectionArguments(demonstration: false);
        var given = new Argument<string[]>("text")
        { Description = "The texts to embed; without them, each line of standard input is one text.", Arity = ArgumentArity.ZeroOrMore };
        var json = new Option<bool>("--json") { Description = "Write JSON, which this command always does." };
        var command =
            new Command(
                "embed", "Embeds texts and writes one JSON line with the vector for each.\n\nExample:\n  vllm-grpc embed \"a text\" --endpoint "
                    + "http://gpu-box:50052") { given, json };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var open = await connection.OpenAsync(parsed, null, cancellationToken).ConfigureAwait(false);
            using var generator = new VllmEmbeddingGenerator(open.Options);
            var inputs = parsed.GetValue(given) is { Length: > 0 } words
                ? words
                : (await Console.In.ReadToEndAsync(cancellationToken).ConfigureAwait(false))
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            foreach (var texts in inputs.Chunk(AtATime))
            {
                foreach (var (text, embedding) in texts.Zip(await generator.GenerateAsync(texts, null, cancellationToken).ConfigureAwait(false)))
                {
                    WriteEmbedding(text, embedding.Vector.Span);
                }
            }

            return ExitCode.Success;
        });
        return command;
    }

    private static void WriteEmbedding(string text, ReadOnlySpan<float> vector)
    {
        var numbers = vector.ToArray();
        JsonLine.Write(Console.Out, writer =>
        {
            writer.WriteString("text", text);
            writer.WriteStartArray("embedding");
            foreach (var number in numbers)
            {
                writer.WriteNumberValue(number);
            }

            writer.WriteEndArray();
        });
    }

    private static async Task<int> WaitAsync(IVllmEngine engine, TimeSpan timeout, bool json, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        for (string? said = null; ;)
        {
            var state = await StateAsync(engine, cancellationToken).ConfigureAwait(false);
            var elapsed = Stopwatch.GetElapsedTime(started);
            if (state is null || elapsed > timeout)
            {
                Tell(state is null, elapsed, state, json);
                return state is null ? ExitCode.Success : ExitCode.Failure;
            }

            if (state != said && !json)
            {
                await Console.Error.WriteLineAsync(TerminalText.Clean(state)).ConfigureAwait(false);
                said = state;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A server that cannot be reached is reported as unhealthy.</summary>
    private static async Task<VllmHealth> HealthAsync(IVllmEngine engine, CancellationToken cancellationToken)
    {
        try
        {
            return await engine.HealthAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (VllmException exception)
        {
            return new VllmHealth(false, exception.Message);
        }
    }

    /// <summary>Gets the reason why the server is not ready; null if it is ready.</summary>
    private static async Task<string?> StateAsync(IVllmEngine engine, CancellationToken cancellationToken)
    {
        try
        {
            var health = await engine.HealthAsync(cancellationToken).ConfigureAwait(false);
            return health.IsHealthy ? null : health.Message;
        }
        catch (VllmException exception) when (exception is VllmConnectionException or VllmTimeoutException || exception.IsRetryable)
        {
            return exception.Message;
        }
    }

    private static void Tell(bool ready, TimeSpan elapsed, string? state, bool json)
    {
        if (json)
        {
            JsonLine.Write(Console.Out, writer =>
            {
                writer.WriteBoolean("ready", ready);
                writer.WriteNumber("seconds", Math.Round(elapsed.TotalSeconds, 3));
                writer.WriteString("message", state);
            });
            return;
        }

        var words = string.Create(CultureInfo.InvariantCulture, $"{(ready ? "ready" : "not ready")} after {elapsed.TotalSeconds:F0} s");
        (ready ? Console.Out : Console.Error).WriteLine(ready ? words : TerminalText.Clean($"{words}: {state}"));
    }

    private static Option<bool> JsonOption() => new("--json") { Description = "As JSON." };
}
