namespace Connectors.Vllm.Tool.Terminal;

/// <summary>A command line that cannot be carried out; the message says why. Ends the program with <see cref="ExitCode.Usage"/>.</summary>
internal sealed class ToolException(string message) : Exception(message);

/// <summary>What the program's exit codes mean.</summary>
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
}
