using System.Diagnostics;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>The command as people run it: a process of its own.</summary>
internal static class ToolProcess
{
    private static readonly string Tool = Path.Combine(AppContext.BaseDirectory, "vllm-grpc");

    public static Process Start(params string[] arguments) => Start(Tool, arguments);

    public static Task<ToolRun> RunAsync(params string[] arguments) => RunAsync(Start(arguments));

    /// <summary>
    /// Runs a script, whose <c>"$@"</c> is the tool with these arguments, as the root of namespaces of its own, where it may mount.
    /// </summary>
    public static Task<ToolRun> RunInScriptAsync(string script, params string[] arguments) =>
        RunAsync(Start("/usr/bin/env", ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script, "bash", Tool, .. arguments]));

    /// <summary>Runs a script of bash, whose <c>"$@"</c> is the tool with these arguments.</summary>
    public static Task<ToolRun> RunInBashAsync(string script, params string[] arguments) =>
        RunAsync(Start("bash", ["-c", script, "bash", Tool, .. arguments]));

    /// <summary>Starts the tool on a terminal of its own; what is written to its standard input is typed there.</summary>
    public static Process StartOnTerminal(string arguments) => Start("script", ["-qec", $"{Tool} {arguments}", "/dev/null"]);

    /// <summary>Runs the tool where no file can grow beyond a number of kibibytes.</summary>
    public static Task<ToolRun> RunOnSmallDiskAsync(int kibibytes, params string[] arguments) =>
        RunAsync(Start("bash", ["-c", $"trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"", "bash", Tool, .. arguments]));

    private static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment.Remove("VLLM_GRPC_ENDPOINT");

        // The runtime keeps generated code in a file of its own, which the small disk would not hold.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        return Process.Start(start)!;
    }

    private static async Task<ToolRun> RunAsync(Process started)
    {
        using var process = started;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new ToolRun(process.ExitCode, await output, await error);
    }
}

internal sealed record ToolRun(int ExitCode, string Output, string Error);
