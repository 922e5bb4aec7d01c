using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tool.Commands;
using Connectors.Vllm.Tool.Inspect;
using Connectors.Vllm.Tool.Serve;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool;

/// <summary>The command line: verbs, and what becomes of failures.</summary>
internal static class ToolProgram
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var root =
            new RootCommand(
                "Works with a vLLM server over gRPC.\n\nExit codes: 0 success, 1 the server or an answer failed, 2 the command line is invalid, 3 "
                    + "some requests of a batch failed, 130 cancelled.")
        {
            ChatCommand.CreateChat(),
            ChatCommand.CreateComplete(),
            BatchCommand.Create(),
            BenchCommand.Create(),
            InspectCommand.Create(),
            PlaygroundCommand.Create(),
            ServeCommand.Create(),
            ServerCommands.CreateHealth(),
            ServerCommands.CreateWait(),
            ServerCommands.CreateEmbed(),
            CompletionCommand.Create(),
        };

        // Without response files: a prompt may begin with '@'.
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        string[] errors = parsed.Action is ParseErrorAction ? [.. parsed.Errors.Select(static error => error.Message)]
            : StrayOption(parsed) is { } stray ? [$"{stray} is not an option of this verb. Put -- before the text to take it as text."]
            : [];
        foreach (var error in errors)
        {
            await Console.Error.WriteLineAsync($"vllm-grpc: {error}").ConfigureAwait(false);
        }

        if (errors.Length > 0)
        {
            return ExitCode.Usage;
        }

        try
        {
            // The verbs handle Ctrl+C themselves: it cancels an answer, or lets a batch finish what it has begun.
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null })
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Cancelled;
        }
        catch (Exception exception) when (IsExpected(exception))
        {
            ErrorConsole.Complain(exception);
            return ExitCode.Of(exception);
        }
    }

    /// <summary>A mistyped option among the words of a prompt, which would be sent to the model; null when there is none.</summary>
    private static string? StrayOption(ParseResult parsed) => parsed.Tokens.Any(static token => token.Type == TokenType.DoubleDash)
        ? null
        : parsed.CommandResult.Children.OfType<ArgumentResult>()
            .SelectMany(static result => result.Tokens)
            .Select(static token => token.Value)
            .FirstOrDefault(static word => word is ['-', '-', >= 'a' and <= 'z', ..] && !word.Contains(' ', StringComparison.Ordinal));

    /// <summary>Failures with a cause outside this program. Anything else is a bug and shows its stack trace.</summary>
    private static bool IsExpected(Exception exception) => exception
        is ToolException or VllmException or VllmModelException or InvalidDataException or ChatTemplateException
            or TokenizerException
        or ArgumentException or NotSupportedException or FormatException or JsonException or IOException or UnauthorizedAccessException;
}
