using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>Connects, then answers one prompt or chats until the input ends.</summary>
internal static class ChatProgram
{
    public static async Task<int> RunAsync(ChatSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            await using var server = settings.Endpoint is null
                ? await VllmTestServer.StartAsync(new VllmTestServerOptions { ModelDirectory = settings.ModelDirectory?.FullName }, cancellationToken)
                : null;
            var services = new ServiceCollection();
            services.AddVllmGrpc(settings.Endpoint ?? server!.Endpoint, options => options.ModelDirectory = settings.ModelDirectory?.FullName)
                .UseFunctionInvocation();
            await using var provider = services.BuildServiceProvider();

            ChatSession session = new(
                provider.GetRequiredService<IChatClient>(),
                settings.Json ? new JsonAnswerWriter(Console.Out) : new ConsoleAnswerWriter(Console.Out, UseColors()),
                settings.Statistics ? Console.Error : null,
                settings.System,
                [new ClockTool(TimeProvider.System)]);
            return settings.Prompt is { } prompt
                ? await AnswerAsync(session, prompt, cancellationToken)
                : await ChatAsync(session, cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return Report(exception);
        }
    }

    private static async Task<int> ChatAsync(ChatSession session, CancellationToken cancellationToken)
    {
        LineEditor? editor = null;
        if (!Console.IsInputRedirected)
        {
            editor = new LineEditor();
            Console.Error.WriteLine("Type a message; the up arrow recalls earlier ones, Ctrl+C cancels an answer, Ctrl+D ends the chat.");
        }

        var exitCode = 0;
        while (true)
        {
            var line = editor is null ? await Console.In.ReadLineAsync(cancellationToken) : editor.ReadLine("> ");
            if (line is null)
            {
                return exitCode;
            }

            if (!string.IsNullOrWhiteSpace(line))
            {
                exitCode = await AnswerAsync(session, line, cancellationToken);
            }
        }
    }

    private static async Task<int> AnswerAsync(ChatSession session, string question, CancellationToken cancellationToken)
    {
        using var answer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        void Cancel(object? sender, ConsoleCancelEventArgs pressed)
        {
            pressed.Cancel = true;
            answer.Cancel();
        }

        Console.CancelKeyPress += Cancel;
        try
        {
            await session.AskAsync(question, answer.Token);
            return 0;
        }
        catch (OperationCanceledException) when (answer.IsCancellationRequested)
        {
            Console.Error.WriteLine();
            Console.Error.WriteLine("(cancelled)");
            return 130;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return Report(exception);
        }
        finally
        {
            Console.CancelKeyPress -= Cancel;
        }
    }

    private static int Report(Exception exception)
    {
        Console.Error.WriteLine("chat: " + exception.Message.ReplaceLineEndings(" "));
        return 1;
    }

    private static bool UseColors() => !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
}
