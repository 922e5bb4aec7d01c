using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class TokenizerArchiveTests
{
    [Fact]
    public void Extract_PlainFiles_GivesTheirBytes()
    {
        var files = Extract(Zip(("tokenizer.json", "{}"u8.ToArray()), ("chat_template.jinja", "hello"u8.ToArray()), ("merges.txt", [])));

        Assert.Equal(["chat_template.jinja", "merges.txt", "tokenizer.json"], files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("hello", Encoding.UTF8.GetString(files["chat_template.jinja"].Span));
        Assert.True(files["merges.txt"].IsEmpty);
    }

    [Theory]
    [InlineData("../tokenizer.json")]
    [InlineData("/etc/tokenizer.json")]
    [InlineData("a/tokenizer.json")]
    [InlineData("a\\tokenizer.json")]
    [InlineData("C:tokenizer.json")]
    [InlineData("tokenizer\0.json")]
    [InlineData("tokenizer\n.json")]
    [InlineData(".json")]
    [InlineData("run.exe")]
    [InlineData("folder/")]
    public void Extract_NameThatIsNoPlainFile_IsRefused(string name) => Refuses(Zip((name, "{}"u8.ToArray())));

    [Fact]
    public void Extract_SameNameTwice_IsRefused() => Refuses(Zip(("tokenizer.json", []), ("Tokenizer.JSON", [])));

    [Fact]
    public void Extract_FiftyOneEntries_IsRefused() => Refuses(Zip([.. Enumerable.Range(0, 51).Select(i => ($"{i}.json", Array.Empty<byte>()))]));

    [Theory]
    [InlineData(20_000)]
    [InlineData(1)]
    public void Extract_ThousandsOfEntries_IsRefusedBeforeTheyAreRead(int told)
    {
        // What the end of the archive says of its entries may be a lie.
        var zip = Zip([.. Enumerable.Range(0, 20_000).Select(i => ($"{i}.json", Array.Empty<byte>()))]);
        BinaryPrimitives.WriteUInt16LittleEndian(zip.AsSpan(zip.Length - 22 + 8), (ushort)told);
        BinaryPrimitives.WriteUInt16LittleEndian(zip.AsSpan(zip.Length - 22 + 10), (ushort)told);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Refuses(zip);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (4L * zip.Length) + (1 << 20));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(21)]
    [InlineData(100)]
    public void Extract_CutArchive_IsRefused(int length) => Refuses(Zip(("tokenizer.json", new byte[1000]))[..length]);

    [Fact]
    public void Extract_SymbolicLink_IsRefused()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            zip.CreateEntry("tokenizer.json").ExternalAttributes = unchecked((int)0xA1FF0000);
        }

        Refuses(stream.ToArray());
    }

    [Theory]
    [InlineData(10u)]
    [InlineData(999_999u)]
    [InlineData(2_000_000u)]
    [InlineData(600_000_000u)]
    public void Extract_DeclaredSizeIsALie_IsRefusedWithoutInflatingMore(uint declared)
    {
        var zip = Zip(("tokenizer.json", new byte[1_000_000]));
        Patch(zip, 0x04034b50, 22, declared);
        Patch(zip, 0x02014b50, 24, declared);

        Refuses(zip);
    }

    [Fact]
    public void Extract_ContentChanged_FailsItsChecksum()
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = zip.CreateEntry("tokenizer.json", CompressionLevel.NoCompression).Open();
            entry.Write("{\"a\":1}"u8);
        }

        var bytes = stream.ToArray();
        bytes[bytes.AsSpan().IndexOf("{\"a\":1}"u8) + 5] = (byte)'2';

        Refuses(bytes);
    }

    [Fact]
    public void Add_MoreThanTheLimit_IsRefused()
    {
        using var archive = new TokenizerArchive(1 << 30);
        var chunk = new byte[64 * 1024 * 1024];
        archive.Add(chunk, "");
        archive.Add(chunk, "");
        archive.Add(chunk, "");

        Assert.Throws<InvalidDataException>(() => archive.Add(chunk, ""));
    }

    [Fact]
    public void Extract_FilesThatNeedMoreThanTheLoadMayTake_AreRefusedBeforeTheyAreInflated()
    {
        var zip = Zip(("tokenizer.json", new byte[50_000_000]), ("vocab.json", new byte[50_000_000]));

        Assert.Equal(2, Extract(zip, 100_000_000 + zip.Length).Count);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var exception = Assert.Throws<InvalidDataException>(() => Extract(zip, 100_000_000));

        Assert.Contains(nameof(VllmConnectionOptions.MaxTokenizerBytes), exception.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 60_000_000);
        Assert.Throws<InvalidDataException>(() => Extract(zip, zip.Length - 1));
    }

    [Fact]
    public void Extract_UpperCaseChecksum_IsTaken()
    {
        var zip = Zip(("tokenizer.json", "{}"u8.ToArray()));
        using var archive = new TokenizerArchive(1 << 20);
        archive.Add(zip, Convert.ToHexString(SHA256.HashData(zip)));

        Assert.Single(archive.Extract());
    }

    [Theory]
    [InlineData("123456789", 0xCBF43926u)]
    [InlineData("", 0u)]
    public void Crc32_KnownTexts_HaveKnownValues(string text, uint expected) =>
        Assert.Equal(expected, Crc32.Finish(Crc32.Append(Crc32.Initial, Encoding.ASCII.GetBytes(text))));

    private static void Refuses(byte[] zip) => Assert.Throws<InvalidDataException>(() => Extract(zip));

    private static IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Extract(byte[] zip, long limit = 1 << 30)
    {
        using var archive = new TokenizerArchive(limit);
        for (var at = 0; at < zip.Length; at += 1000)
        {
            var slice = zip.AsSpan(at, Math.Min(1000, zip.Length - at));
            archive.Add(slice, at + slice.Length == zip.Length ? Convert.ToHexStringLower(SHA256.HashData(zip)) : "");
        }

        return archive.Extract();
    }

    private static byte[] Zip(params (string Name, byte[] Data)[] files)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, data) in files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(data);
            }
        }

        return stream.ToArray();
    }

    /// <summary>Overwrites a field of the first record with this signature.</summary>
    private static void Patch(byte[] zip, uint signature, int offset, uint value)
    {
        var mark = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(mark, signature);
        BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(zip.AsSpan().IndexOf(mark) + offset), value);
    }
}
