using Connectors.Vllm.Shared;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What belongs to one served model: loaded once, forgotten with the model.</summary>
public sealed class RenewableTests
{
    [Fact]
    public async Task GetAsync_ManyCallers_LoadOnce()
    {
        var loads = 0;
        var value = new Renewable<string>(async _ =>
        {
            await Task.Yield();
            return $"{Interlocked.Increment(ref loads)}";
        });

        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => value.GetAsync(CancellationToken.None).AsTask()));

        Assert.All(all, one => Assert.Equal("1", one));
        Assert.Equal("1", value.Current);
    }

    [Fact]
    public async Task GetAsync_FailedLoad_IsTriedAgain()
    {
        var loads = 0;
        var value = new Renewable<string>(_ => ++loads == 1 ? throw new InvalidOperationException("first") : Task.FromResult("second"));

        await Assert.ThrowsAsync<InvalidOperationException>(() => value.GetAsync(CancellationToken.None).AsTask());

        Assert.Equal("second", await value.GetAsync(CancellationToken.None));
    }

    [Fact]
    public async Task GetAsync_DisposedWhileItLoads_IsDisposedAndNotCancelled()
    {
        using var disposing = new CancellationTokenSource();
        var value = new Renewable<string>(async token =>
        {
            await Task.Delay(Timeout.Infinite, token);
            return "never";
        }, disposing.Token);
        var waiting = value.GetAsync(CancellationToken.None).AsTask();

        await disposing.CancelAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await value.GetAsync(CancellationToken.None));
    }

    [Fact]
    public async Task GetAsync_CallerGivesUpBeforeTheLoadFails_LeavesNoUnobservedException()
    {
        var mark = Guid.NewGuid().ToString();
        var unobserved = 0;
        void See(object? sender, UnobservedTaskExceptionEventArgs args) =>
            unobserved += args.Exception.ToString().Contains(mark, StringComparison.Ordinal) ? 1 : 0;
        TaskScheduler.UnobservedTaskException += See;
        try
        {
            await GiveUpAsync(mark);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= See;
        }

        Assert.Equal(0, unobserved);
    }

    [Fact]
    public async Task UseAsync_ModelChanged_LoadsAnewAndRepeats()
    {
        var loads = 0;
        var value = new Renewable<string>(_ => Task.FromResult($"{++loads}"));

        var used = await value.UseAsync(
            (one, _) => one == "1" ? throw new VllmModelChangedException("changed") : Task.FromResult(one), mayRepeat: null, CancellationToken.None);

        Assert.Equal("2", used);
    }

    [Fact]
    public async Task UseAsync_ModelChangesForEver_GivesUp()
    {
        var uses = 0;
        var value = new Renewable<string>(_ => Task.FromResult("value"));

        await Assert.ThrowsAsync<VllmModelChangedException>(() => value.UseAsync<string>(
            (_, _) => ++uses > 100 ? Task.FromResult("gave in") : throw new VllmModelChangedException("changed"), mayRepeat: null,
            CancellationToken.None));

        Assert.InRange(uses, 2, 10);
    }

    [Fact]
    public async Task UseAsync_MayNotRepeat_ForgetsAndThrows()
    {
        var value = new Renewable<string>(_ => Task.FromResult(new string('x', 3)));

        await Assert.ThrowsAsync<VllmModelChangedException>(() => value.UseAsync<string>(
            (_, _) => throw new VllmModelChangedException("changed"), (_, _) => false, CancellationToken.None));

        Assert.Null(value.Current);
    }

    private static async Task GiveUpAsync(string mark)
    {
        var fail = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var loads = 0;
        var value = new Renewable<string>(async _ =>
        {
            if (Interlocked.Increment(ref loads) > 1)
            {
                return "second";
            }

            await fail.Task;
            throw new InvalidOperationException(mark);
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => value.GetAsync(new CancellationToken(true)).AsTask());
        fail.SetResult();

        // A second load begins when the first has failed; whoever asks with a cancelled token observes neither.
        using var guard = new CancellationTokenSource(Engines.HangGuard);
        while (Volatile.Read(ref loads) < 2)
        {
            guard.Token.ThrowIfCancellationRequested();
            await ((Task)value.GetAsync(new CancellationToken(true)).AsTask()).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        }
    }
}
