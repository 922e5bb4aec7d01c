using Spectre.Console;

namespace Connectors.Vllm.Tool.Terminal;

/// <summary>Standard error as Spectre.Console writes to it: colours on a terminal only, none with NO_COLOR.</summary>
internal static class ErrorConsole
{
    public static IAnsiConsole Create() => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(Console.Error),
        Ansi = Console.IsErrorRedirected || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            ? AnsiSupport.No
            : AnsiSupport.Detect,
    });

    /// <summary>One line, no stack trace: the messages of expected failures are written for people.</summary>
    public static void Complain(Exception exception) => Console.Error.WriteLine("vllm-grpc: " + exception.Message.ReplaceLineEndings(" "));
}
