using System.Diagnostics;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tool.Tests;

/// <summary>
/// What a night does to a batch: servers that fail and restart, processes that are killed, disks that are full. Each ends complete.
/// </summary>
public sealed class BatchResilienceTests : IDisposable
{
    /// <summary>1,000 requests in a normal run, 20,000 with VLLM_TEST_NIGHTLY=1.</summary>
    private static readonly int Count = Environment.GetEnvironmentVariable("VLLM_TEST_NIGHTLY") == "1" ? 20_000 : 1_000;

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Batch_FaultsRestartsAndTwoKills_EndsCompleteInOrderEachAnsweredOnce()
    {
        // About one request in fifty fails, in one of these ways; the same ones in every run.
        ServerFault[] faults =
        [
            ServerFault.Status(14, "try again"), ServerFault.Status(13, "EngineCore hiccup"), ServerFault.Status(8, "queue is full"),
            ServerFault.After(2, FaultKind.ResetStream), ServerFault.After(1, FaultKind.EndEarly), ServerFault.After(1, FaultKind.MissingTrailers),
            ServerFault.After(2, FaultKind.NotProtobuf),
        ];
        var random = new Random(20);
        await using var echo = await EchoServer.StartAsync((number, _) =>
        {
            lock (random)
            {
                return number % 499 == 0 ? ServerFault.After(1, FaultKind.DropConnection)
                    : random.Next(50) == 0 ? faults[random.Next(faults.Length)]
                    : null;
            }
        });
        string[] command =
        [
            "batch", _folder.WritePrompts(Count), "--endpoint", echo.Endpoint, "--output", _folder["out.jsonl"], "--parallel", "16",
            "--attempts", "12",
        ];

        var restarts = Task.WhenAll(RestartAsync(echo, Count / 10), RestartAsync(echo, Count / 2));
        await KillAfterAsync(command, echo, Count / 4);
        await KillAfterAsync(command, echo, Count * 2 / 3);
        var last = await ToolProcess.RunAsync(command);
        await restarts;

        Assert.True(last.ExitCode == 0, last.Error);
        _folder.AssertComplete("out.jsonl", Count);
        Assert.False(File.Exists(_folder["out.jsonl.journal"]));
    }

    [Fact]
    public async Task Batch_SixteenShardsSomeKilledAndRunAgain_MergeToTheWhole()
    {
        // One request of two shards is not answered until their first processes are gone.
        var killed = new TaskCompletionSource();
        await using var echo = await EchoServer.StartAsync(hold: question => question is "prompt 36" or "prompt 42" ? killed.Task : null);
        var input = _folder.WritePrompts(100);
        string[] Command(int shard) =>
            ["batch", input, "--endpoint", echo.Endpoint, "--shard", $"{shard}/16", "--output", _folder[$"part-{shard}.jsonl"], "--parallel", "2"];
        int[] hung = [36 % 16 + 1, 42 % 16 + 1];
        foreach (var shard in hung)
        {
            using var process = ToolProcess.Start(Command(shard));
            await WaitForBytesAsync(_folder[$"part-{shard}.jsonl.journal"], 1_000);
            process.Kill();
            await process.WaitForExitAsync(Token);
        }

        killed.SetResult();
        for (var shard = 1; shard <= 16; shard++)
        {
            // In this process, which spares the start of sixteen others.
            Assert.Equal(0, await ToolProgram.RunAsync(Command(shard)));
        }

        var parts = Enumerable.Range(1, 16).Select(shard => _folder[$"part-{shard}.jsonl"]);
        var merge = await ToolProcess.RunAsync(["batch", "merge", .. parts, "--output", _folder["all.jsonl"], "--json"]);

        Assert.Equal((0, """{"rows":100,"missing":0}"""), (merge.ExitCode, merge.Error.Trim()));
        _folder.AssertComplete("all.jsonl", 100);
    }

    /// <summary>A file system of 64 KiB, in a mount namespace of its own; then it becomes larger.</summary>
    [Fact]
    public async Task Batch_FileSystemFull_StopsWithWordsAndGoesOnWithRoom()
    {
        const string Script = """
            mount -t tmpfs -o size=64k tmpfs "$DISK" || exit 77
            "$@"; echo "full: $?"
            wc -l < "$DISK/out.jsonl.journal"
            mount -o remount,size=16m "$DISK"
            "$@"; echo "roomy: $?"
            cp "$DISK/out.jsonl" "$DISK/../"
            """;
        var disk = Directory.CreateDirectory(_folder["disk"]).FullName;
        await using var echo = await EchoServer.StartAsync();

        var run = await ToolProcess.RunInScriptAsync(
            Script.Replace("$DISK", disk, StringComparison.Ordinal),
            "batch", _folder.WritePrompts(200), "--endpoint", echo.Endpoint, "--output", $"{disk}/out.jsonl", "--parallel", "2");

        Assert.SkipWhen(run.ExitCode is 77 or 127 || run.Error.StartsWith("unshare:", StringComparison.Ordinal), $"cannot mount here: {run.Error}");
        Assert.Contains("Free disk space and run the same command again", run.Error, StringComparison.Ordinal);
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["full: 2", "roomy: 0"], [lines[0], lines[2]]);
        Assert.InRange(int.Parse(lines[1], System.Globalization.CultureInfo.InvariantCulture), 10, 199);
        _folder.AssertComplete("out.jsonl", 200);
    }

    [Theory]
    [InlineData("out.jsonl")]
    [InlineData("out.jsonl.journal")]
    public async Task Batch_DeviceWithoutRoom_StopsWithWordsAndGoesOnWithRoom(string file)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "takes /dev/full, on which every write fails");
        await using var echo = await EchoServer.StartAsync();
        string[] command = ["batch", _folder.WritePrompts(100), "--endpoint", echo.Endpoint, "--output", _folder["out.jsonl"], "--parallel", "2"];
        File.CreateSymbolicLink(_folder[file], "/dev/full");

        var full = await ToolProcess.RunAsync(command);
        File.Delete(_folder[file]);
        var journal = _folder["out.jsonl.journal"];
        var done = File.Exists(journal) ? File.ReadLines(journal).Count() - 1 : 0;
        echo.Server.ClearRequests();
        var roomy = await ToolProcess.RunAsync(command);

        Assert.Equal(2, full.ExitCode);
        Assert.Contains($"{_folder[file]} cannot be written", full.Error, StringComparison.Ordinal);
        Assert.Contains("Free disk space and run the same command again", full.Error, StringComparison.Ordinal);
        Assert.True(roomy.ExitCode == 0, roomy.Error);
        Assert.Equal(100 - done, echo.Server.Generations.Count);
        _folder.AssertComplete("out.jsonl", 100);
    }

    [Fact]
    public async Task Batch_FilesMayNotGrow_StopsWithWordsAndGoesOnWithRoom()
    {
        await using var echo = await EchoServer.StartAsync();
        string[] command = ["batch", _folder.WritePrompts(100), "--endpoint", echo.Endpoint, "--output", _folder["out.jsonl"], "--parallel", "2"];

        var full = await ToolProcess.RunOnSmallDiskAsync(16, command);
        var done = File.ReadLines(_folder["out.jsonl.journal"]).Count() - 1;
        echo.Server.ClearRequests();
        var roomy = await ToolProcess.RunAsync(command);

        Assert.Equal(2, full.ExitCode);
        Assert.Contains("Free disk space and run the same command again", full.Error, StringComparison.Ordinal);
        Assert.True(roomy.ExitCode == 0, roomy.Error);
        Assert.InRange(done, 1, 99);
        Assert.Equal(100 - done, echo.Server.Generations.Count);
        _folder.AssertComplete("out.jsonl", 100);
    }

    [Fact]
    public async Task Batch_ReadOnlyFolder_StopsBeforeAnythingIsSent()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "takes the folder /sys, in which nobody can make files");
        await using var echo = await EchoServer.StartAsync();

        var run = await ToolProcess.RunAsync("batch", _folder.WritePrompts(1), "--endpoint", echo.Endpoint, "--output", "/sys/out.jsonl");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("/sys/out.jsonl.journal cannot be opened", run.Error, StringComparison.Ordinal);
        Assert.Empty(echo.Server.Generations);
    }

    private static async Task KillAfterAsync(string[] command, EchoServer echo, int requests)
    {
        using var process = ToolProcess.Start(command);
        await Task.WhenAny(echo.AskedAsync(requests), process.WaitForExitAsync(Token));
        Assert.False(process.HasExited, "The batch was over before it could be killed.");
        process.Kill();
        await process.WaitForExitAsync(Token);
    }

    private static async Task RestartAsync(EchoServer echo, int requests)
    {
        await echo.AskedAsync(requests);
        await echo.Server.RestartAsync(Token);
    }

    /// <summary>Waits until a file has so many bytes; the process that writes it tells nobody else, and lets nobody else open it.</summary>
    private static async Task WaitForBytesAsync(string file, int bytes)
    {
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(file)!);
        using var changed = new SemaphoreSlim(0);
        watcher.Changed += (_, _) => changed.Release();
        watcher.EnableRaisingEvents = true;
        while (!File.Exists(file) || new FileInfo(file).Length < bytes)
        {
            await changed.WaitAsync(Token);
        }
    }
}
