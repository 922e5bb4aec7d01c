using System.Diagnostics;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>
/// A process of its own whose JSON has no reflection (JsonSerializerIsReflectionEnabledByDefault=false), as in trimmed and AOT-compiled applications.
/// </summary>
public sealed class ReflectionFreeProcessTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(47)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Application_WithoutReflection_ChatsCachesAndRoundTripsEverything(EmulatedServer protocol)
    {
        using var process = Process.Start(
            new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
            {
                ArgumentList = { Path.Combine(AppContext.BaseDirectory, "Connectors.Vllm.ReflectionFreeApp.dll"), protocol == EmulatedServer.Inference
                ? "Inference"
                : "Auto" },
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        var output = process.StandardOutput.ReadToEndAsync(Served.Cancel);
        var errors = process.StandardError.ReadToEndAsync(Served.Cancel);
        await process.WaitForExitAsync(Served.Cancel);

        Assert.Equal("", await errors);
        Assert.Equal(
            [
                "reflection: False",
                "tools: Two sunny days. (Zürich, 2)",
                "response: True, True",
                "history: True, True",
                "structured: Zürich 2",
                "cache: True, 1 request",
                "options: True, 0.1 2 1.5 2 3",
                "done",
            ],
            (await output).Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(0, process.ExitCode);
    }
}
