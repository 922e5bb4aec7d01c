using System.Text;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;
using Microsoft.Win32.SafeHandles;
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
    public static void Complain(Exception exception) =>
        Console.Error.WriteLine("vllm-grpc: " + TerminalText.Clean(exception.Message.ReplaceLineEndings(" ")));
}

/// <summary>Standard output that detects a closed pipe, which the console's own stream ignores.</summary>
internal static class StandardOutput
{
    private const int BrokenPipe = 32;
    private const int WindowsBrokenPipe = unchecked((int)0x8007006D);
    private const int WindowsNoData = unchecked((int)0x800700E8);

    /// <summary>The stream, unbuffered; disposing it leaves standard output open.</summary>
    public static Stream Open()
    {
        if (!Console.IsOutputRedirected || OperatingSystem.IsWindows())
        {
            return Console.OpenStandardOutput();
        }

        // A file is written at a position of the stream's own, which the programs that share the file would not see.
        var pipe = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return pipe.CanSeek ? Console.OpenStandardOutput() : pipe;
    }

    /// <summary>Lets <see cref="Console.Out"/> write to it.</summary>
    public static void Use()
    {
        if (Console.IsOutputRedirected)
        {
            Console.SetOut(new StreamWriter(Open(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });
        }
    }

    /// <summary>Whether the reader of a pipe has gone, such as <c>head</c>.</summary>
    public static bool IsClosed(Exception exception) =>
        exception is IOException { HResult: BrokenPipe or WindowsBrokenPipe or WindowsNoData }
        || (exception.InnerException is { } inner && IsClosed(inner));
}

/// <summary>Makes text of a model or a server safe for a terminal.</summary>
internal static class TerminalText
{
    private const char FirstPicture = '\u2400';
    private const char DeletePicture = '\u2421';

    /// <summary>
    /// Control characters, which could move the cursor, change the title or write the clipboard, become their pictures (U+2400 and following); line
    /// breaks and tabs stay.
    /// </summary>
    public static string Clean(string text) => text.Any(IsHarmful)
        ? string.Create(text.Length, text, static (clean, text) =>
        {
            for (var i = 0; i < clean.Length; i++)
            {
                clean[i] = !IsHarmful(text[i]) ? text[i] : text[i] < ' ' ? (char)(FirstPicture + text[i]) : DeletePicture;
            }
        })
        : text;

    private static bool IsHarmful(char character) => char.IsControl(character) && character is not ('\n' or '\t');
}

/// <summary>When, and how, to colour what streams: on a terminal only, and not with NO_COLOR (https://no-color.org).</summary>
internal static class Colors
{
    public const string Dim = "\u001b[2m";
    public const string Cyan = "\u001b[36m";
    public const string Reset = "\u001b[0m";

    public static bool Output => !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
}

/// <summary>An invalid command line; the message says why. Ends the program with <see cref="ExitCode.Usage"/>.</summary>
internal class ToolException(string message, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>A number of an option, checked.</summary>
    /// <exception cref="ToolException">It is too small.</exception>
    public static int AtLeast(int least, int value, string option) => value >= least
        ? value
        : throw new ToolException($"{option} {value}: a number from {least} is expected.");

    /// <summary>A number of minutes of an option, checked.</summary>
    /// <exception cref="ToolException">It is not a time.</exception>
    public static TimeSpan Minutes(double value, string option) => value is >= 0 and <= 1_000_000
        ? TimeSpan.FromMinutes(value)
        : throw new ToolException(FormattableString.Invariant($"{option} {value}: minutes from 0 to 1,000,000 are expected."));
}

/// <summary>The exit codes of the program.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>The server, or the answer, failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line, or a file it names, is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Everything ran, and some requests of a batch failed.</summary>
    public const int Partial = 3;

    /// <summary>Cancelled with Ctrl+C.</summary>
    public const int Cancelled = 130;

    /// <summary>Standard output was closed by its reader, as with <c>| head -1</c>; the code that shells report for SIGPIPE.</summary>
    public const int OutputClosed = 141;

    /// <summary>
    /// Whether a failure is the command line's: an option, a file that it names, or a request that is refused before anything is sent.
    /// </summary>
    public static int Of(Exception exception) => exception is ToolException or ArgumentException or FormatException or JsonException
        or FileNotFoundException or DirectoryNotFoundException or TokenizerException or ChatTemplateException
        or VllmRequestException { Method: null, Endpoint: null }
        ? Usage
        : Failure;
}
