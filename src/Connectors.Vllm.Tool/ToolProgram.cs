using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Text.Json;
using System.Text.RegularExpressions;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tool.Commands;
using Connectors.Vllm.Tool.Inspect;
using Connectors.Vllm.Tool.Serve;
using Connectors.Vllm.Tool.Terminal;

namespace Connectors.Vllm.Tool;

/// <summary>The command line: the verbs, and the handling of failures.</summary>
internal static partial class ToolProgram
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var root =
            new RootCommand(
                "Works with a vLLM server over gRPC.\n\nExit codes: 0 success, 1 the server or an answer failed, 2 the command line is invalid, 3 "
                    + "some requests of a batch failed, 130 cancelled, 141 nobody reads the output.")
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
        string[] errors = parsed.Action is ParseErrorAction ? [.. parsed.Errors.Select(static error => Plain(error.Message)), HelpHint(parsed)]
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
        catch (Exception exception) when (StandardOutput.IsClosed(exception))
        {
            return ExitCode.OutputClosed;
        }
        catch (Exception exception) when (IsExpected(exception))
        {
            ErrorConsole.Complain(exception);
            return ExitCode.Of(exception);
        }
    }

    /// <summary>Without the names of .NET's types.</summary>
    private static string Plain(string error) => ParseError().Match(error) is { Success: true } match
        ? $"{match.Groups[2].Value} {match.Groups[1].Value}: "
            + (match.Groups[3].Value.Contains("Int", StringComparison.Ordinal) ? "a whole number" : "a number") + " is expected."
        : error;

    [GeneratedRegex("^Cannot parse argument '(.*)' for option '(.*)' as expected type '(.*(?:Int32|Int64|Single|Double).*)'\\.$")]
    private static partial Regex ParseError();

    private static string HelpHint(ParseResult parsed) => "Help: vllm-grpc "
        + string.Concat(parsed.CommandResult.Command is RootCommand ? [] : Path(parsed.CommandResult).Select(static name => name + ' ')) + "--help";

    private static IEnumerable<string> Path(CommandResult command) => command.Parent is CommandResult { Command: not RootCommand } parent
        ? [.. Path(parent), command.Command.Name]
        : [command.Command.Name];

    /// <summary>Finds a mistyped option in the words of a prompt, which would be sent to the model; null if there is none.</summary>
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
