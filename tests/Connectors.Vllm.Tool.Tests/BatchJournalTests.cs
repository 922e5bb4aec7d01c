using System.Text;

namespace Connectors.Vllm.Tool.Tests;

public sealed class BatchJournalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Open_AfterAppend_KnowsWhatIsDone()
    {
        await using (var journal = Open())
        {
            journal.Append(Row(3, "a"));
            journal.Append(Row(1, "b", failed: true));
        }

        await using var again = Open();
        Assert.True(again.IsDone(3, "a", 4));
        Assert.True(again.IsDone(1, "b", 2));
        Assert.False(again.IsDone(2, "c", 3));
        Assert.Equal([3L, 1L], again.Done());
        Assert.Equal(1, again.FailedCount);
        Assert.Equal("""{"id":"batch_req_00000003","n":3}""" + "\n", Copy(again, 3));
    }

    [Fact]
    public async Task Open_CutInTheMiddleOfALine_DropsThatLineOnly()
    {
        await using (var journal = Open())
        {
            journal.Append(Row(0, "a"));
            journal.Append(Row(1, "b"));
        }

        var whole = await File.ReadAllBytesAsync(_folder["j"], TestContext.Current.CancellationToken);
        var lastLine = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;
        for (var cut = lastLine; cut < whole.Length; cut++)
        {
            await File.WriteAllBytesAsync(_folder["j"], whole[..cut], TestContext.Current.CancellationToken);
            await using var again = Open();
            Assert.Equal([0L], again.Done());
            again.Append(Row(1, "b"));
            Assert.Equal([0L, 1L], again.Done());
            Assert.Contains("\"n\":1", Copy(again, 1), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Append_SameRequestTwice_KeepsTheFirst()
    {
        await using var journal = Open();
        journal.Append(Row(0, "a"));
        var length = new FileInfo(_folder["j"]).Length;
        journal.Append(Row(0, "a"));
        Assert.Equal(length, new FileInfo(_folder["j"]).Length);
    }

    [Fact]
    public async Task Open_OtherSettings_IsRefused()
    {
        await Open().DisposeAsync();
        var exception = Assert.Throws<BatchException>(() => BatchJournal.Open(_folder["j"], "other", false));
        Assert.Contains("different settings", exception.Message, StringComparison.Ordinal);
        Assert.Contains("--restart", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hello\n")]
    [InlineData("hello")]
    [InlineData("{}\n{}\n")]
    public void Open_ForeignFile_IsRefusedAndLeftAlone(string text)
    {
        File.WriteAllText(_folder["j"], text);
        Assert.Throws<BatchException>(() => Open());
        Assert.Equal(text, File.ReadAllText(_folder["j"]));
    }

    [Fact]
    public async Task Open_HeaderCutByACrash_BeginsAnew()
    {
        await Open().DisposeAsync();
        var header = await File.ReadAllBytesAsync(_folder["j"], TestContext.Current.CancellationToken);
        for (var cut = 0; cut < header.Length; cut++)
        {
            await File.WriteAllBytesAsync(_folder["j"], header[..cut], TestContext.Current.CancellationToken);
            await Open().DisposeAsync();
            Assert.Equal(header, await File.ReadAllBytesAsync(_folder["j"], TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Open_WhileAnotherBatchWritesIt_IsRefused()
    {
        await using var journal = Open();
        Assert.Contains("another batch", Assert.Throws<BatchException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task IsDone_LineChanged_IsRefused()
    {
        await using var journal = Open();
        journal.Append(Row(0, "a"));
        var exception = Assert.Throws<BatchException>(() => journal.IsDone(0, "z", 1));
        Assert.Contains("Line 1 of the input", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_RetryFailed_RunsFailedOnesAgainAndKeepsTheNewRow()
    {
        await using (var journal = Open())
        {
            journal.Append(Row(0, "a", failed: true));
        }

        await using (var journal = BatchJournal.Open(_folder["j"], "s", retryFailed: true))
        {
            Assert.False(journal.IsDone(0, "a", 1));
            Assert.Equal(0, journal.FailedCount);
            journal.Append(Row(0, "a"));
        }

        await using var again = Open();
        Assert.True(again.IsDone(0, "a", 1));
        Assert.Equal(0, again.FailedCount);
    }

    private static BatchRow Row(long index, string hash, bool failed = false) =>
        BatchRow.Of(index, hash, failed, writer => writer.WriteNumber("n", index));

    private static string Copy(BatchJournal journal, long index)
    {
        using var target = new MemoryStream();
        Assert.True(journal.TryCopy(index, _ => target));
        return Encoding.UTF8.GetString(target.ToArray());
    }

    private BatchJournal Open() => BatchJournal.Open(_folder["j"], "s", retryFailed: false);
}
