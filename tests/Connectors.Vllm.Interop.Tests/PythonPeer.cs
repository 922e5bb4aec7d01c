using System.Diagnostics;
using System.Text.Json;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>Runs the Python peers of tests/interop, with stubs made once per test run.</summary>
internal static class PythonPeer
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly Lazy<Task<(string? Folder, string Problem)>> Stubs = new(MakeStubsAsync);

    // Debian's grpcio belongs to the system's Python, which need not be the first on the path.
    private static string Python { get; } = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";

    /// <summary>The folder with the stubs; skips the test when Python, grpcio or protoc is missing.</summary>
    public static async Task<string> RequireStubsAsync()
    {
        var (folder, problem) = await Stubs.Value;
        Requires.Available(folder is not null, $"Python with grpcio, protoc and grpc_python_plugin are needed: {problem}");
        return folder!;
    }

    /// <summary>Runs a scene of peer_client.py and returns the JSON it printed.</summary>
    public static async Task<JsonElement> RunClientAsync(
        string protocol, Uri target, string scene, CancellationToken cancellationToken, params string[] more)
    {
        var stubs = await RequireStubsAsync();
        var (exit, output, errors) = await RunAsync(
            Python, [Script("peer_client.py"), "--protocol", protocol, "--stubs", stubs, "--target", $"{target.Host}:{target.Port}", "--scene", scene,
                .. more], cancellationToken);
        Assert.True(exit == 0, $"peer_client.py {scene}: {errors}");
        using var document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    /// <summary>Starts peer_server.py and waits until it listens.</summary>
    public static async Task<PythonServer> StartServerAsync(string protocol, bool tls, CancellationToken cancellationToken, params string[] more)
    {
        var stubs = await RequireStubsAsync();
        var process = Start(Python, [Script("peer_server.py"), "--protocol", protocol, "--stubs", stubs, .. more], redirectInput: true);
        return await PythonServer.ConnectAsync(process, tls, cancellationToken);
    }

    private static string Script(string name) => Path.Combine(TestPaths.RepositoryRoot, "tests", "interop", name);

    private static async Task<(string? Folder, string Problem)> MakeStubsAsync()
    {
        try
        {
            var (exit, _, problem) = await RunAsync(Python, ["-c", "import grpc, google.protobuf"], CancellationToken.None);
            if (exit != 0)
            {
                return (null, problem);
            }

            var plugin = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
                .Select(folder => Path.Combine(folder, "grpc_python_plugin")).FirstOrDefault(File.Exists);
            if (plugin is null)
            {
                return (null, "grpc_python_plugin is not on the path");
            }

            var protos = Path.Combine(TestPaths.RepositoryRoot, "protos");
            var target = Directory.CreateTempSubdirectory("vllm-interop-").FullName;
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(target, recursive: true);
            (exit, _, problem) = await RunAsync(
                "protoc",
                ["-I", protos, $"--python_out={target}", $"--grpc_out={target}", $"--plugin=protoc-gen-grpc={plugin}",
                    .. Directory.EnumerateFiles(protos, "*.proto", SearchOption.AllDirectories)],
                CancellationToken.None);
            return exit == 0 ? (target, "") : (null, problem);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            return (null, exception.Message);
        }
    }

    private static async Task<(int Exit, string Output, string Errors)> RunAsync(
        string program, string[] arguments, CancellationToken cancellationToken)
    {
        using var process = Start(program, arguments, redirectInput: false);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(patience.Token);
            var errors = process.StandardError.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }

    private static Process Start(string program, string[] arguments, bool redirectInput)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = redirectInput,
            UseShellExecute = false,
        };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";

        // grpcio reads proxy settings of the environment; loopback is not behind one.
        start.Environment["no_proxy"] = "127.0.0.1,localhost";
        return Process.Start(start)!;
    }
}
