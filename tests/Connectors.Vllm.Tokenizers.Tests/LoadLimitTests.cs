using System.Text;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>One budget of memory for a load, whatever the file makes of it.</summary>
public sealed class LoadLimitTests
{
    private static readonly TokenizerOptions Small = new() { MaxLoadBytes = 8 << 20 };

    [Fact]
    public void FromJson_OrdinaryFile_FitsIntoFewBytes() =>
        Assert.Equal(256, VllmTokenizer.FromJson(TinyTokenizer.Bytes(TinyTokenizer.ByteLevel()), default, Small).VocabularySize);

    [Theory]
    [InlineData("many merges")]
    [InlineData("one id far away")]
    [InlineData("many pieces")]
    [InlineData("many added tokens")]
    [InlineData("many words")]
    public void FromJson_FileThatTakesMoreThanTheBudget_IsRefusedBeforeItIsTaken(string kind)
    {
        var json = Encoding.UTF8.GetBytes(Json(kind));
        var before = GC.GetAllocatedBytesForCurrentThread();

        var exception = Assert.Throws<TokenizerException>(() => VllmTokenizer.FromJson(json, default, Small));

        Assert.Contains(nameof(TokenizerOptions.MaxLoadBytes), exception.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 * Small.MaxLoadBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FromFile_FileLargerThanTheBudget_IsNotRead(bool behindALink)
    {
        var folder = Directory.CreateTempSubdirectory("large-").FullName;
        try
        {
            var path = Path.Combine(folder, "tokenizer.json");
            var file = behindALink ? Path.Combine(folder, "blob") : path;
            WriteSparse(file, bytes: 3L << 30);
            if (behindALink)
            {
                File.CreateSymbolicLink(path, file);
            }

            var before = GC.GetAllocatedBytesForCurrentThread();

            Assert.All(
                [() => VllmTokenizer.FromFile(path), () => VllmTokenizer.FromDirectory(folder)],
                (Action load) => Assert.Contains(
                    nameof(TokenizerOptions.MaxLoadBytes), Assert.Throws<TokenizerException>(load).Message, StringComparison.Ordinal));

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/proc/self/mem")]
    public void FromFile_FileWithoutEnd_IsRefused(string device)
    {
        Assert.SkipUnless(File.Exists(device), $"there is no {device}");
        Assert.Throws<TokenizerException>(() => VllmTokenizer.FromFile(device));
    }

    /// <summary>A file of that size that takes no room on the disk.</summary>
    private static void WriteSparse(string path, long bytes)
    {
        using var file = File.Create(path);
        file.SetLength(bytes);
    }

    [Fact]
    public void FromFiles_TokensOfMegabytes_AreRefused()
    {
        var token = Convert.ToBase64String(new byte[200_000]);
        var exception = Assert.Throws<TokenizerException>(
            () => VllmTokenizer.FromFiles(
                new Dictionary<string, ReadOnlyMemory<byte>> { ["tiktoken.model"] = Encoding.ASCII.GetBytes($"{token} 0\n") }));

        Assert.Contains("longer", exception.Message, StringComparison.Ordinal);
    }

    private static string Json(string kind)
    {
        const int Many = 300_000;
        var numbers = Enumerable.Range(0, Many);
        return kind switch
        {
            "many merges" => "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"aa\":1},\"merges\":["
                + string.Join(',', numbers.Select(_ => "\"a a\"")) + "]}}",
            "one id far away" => """{"model":{"type":"BPE","vocab":{"a":16000000},"merges":[]}}""",
            "many pieces" => "{\"model\":{\"type\":\"Unigram\",\"vocab\":[" + string.Join(',', numbers.Select(_ => "[\"\",1]")) + "]}}",
            "many added tokens" => "{\"added_tokens\":[" + string.Join(',', numbers.Select(_ => "1")) + "]}",
            _ => "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{" + string.Join(',', numbers.Select(i => $"\"{i:x}\":1")) + "}}}",
        };
    }
}
