using System.IO.Compression;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class GrpcFrameReaderTests
{
    private const int Limit = 10_000;

    [Fact]
    public void TryRead_MessagesInAnyPieces_GivesTheMessages() => Prop.ForAll(
        ArbMap.Default.ArbFor<(NonNull<byte[]>[] Messages, PositiveInt Seed)>(),
        input =>
        {
            var messages = input.Messages.Select(message => message.Get).ToArray();
            var bytes = messages.SelectMany(ReplayServer.Frame).ToArray();

            Assert.Equal(messages, Read(bytes, new Random(input.Seed.Get), Limit, out var pending));
            Assert.Equal(0, pending);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void TryRead_AnyBytes_GivesMessagesOrTheDocumentedError() => Prop.ForAll(
        ArbMap.Default.ArbFor<(NonNull<byte[]> Bytes, PositiveInt Seed)>(),
        input =>
        {
            try
            {
                var messages = Read(input.Bytes.Get, new Random(input.Seed.Get), 64, out var pending);
                Assert.All(messages, message => Assert.InRange(message.Length, 0, 64));
                Assert.InRange(pending, 0, 64 + GrpcFrame.HeaderSize);
            }
            catch (GrpcFrameException)
            {
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void TryRead_LengthOfFourGigabytes_IsRefusedWithoutMemory()
    {
        using var reader = new GrpcFrameReader(Limit, allowGzip: false);
        Feed(reader, [0, 0xFF, 0xFF, 0xFF, 0xFF]);

        var e = Assert.Throws<GrpcFrameException>(() => reader.TryRead(out _));

        Assert.Equal(VllmStatusCode.ResourceExhausted, e.StatusCode);
    }

    [Fact]
    public void GetBuffer_LargeMessageAnnounced_GrowsOnlyWithTheBytesThatCame()
    {
        using var reader = new GrpcFrameReader(int.MaxValue, allowGzip: false);
        Feed(reader, [0, 0x7F, 0, 0, 0]);
        Assert.False(reader.TryRead(out _));

        Assert.InRange(reader.GetBuffer().Length, 1, 64 * 1024);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(255)]
    public void TryRead_UnknownFlag_IsRefused(byte flag)
    {
        using var reader = new GrpcFrameReader(Limit, allowGzip: true);
        Feed(reader, [flag, 0, 0, 0, 0]);

        Assert.Throws<GrpcFrameException>(() => reader.TryRead(out _));
    }

    [Fact]
    public void TryRead_CompressedWithoutEncoding_IsRefused()
    {
        using var reader = new GrpcFrameReader(Limit, allowGzip: false);
        Feed(reader, [1, 0, 0, 0, 1, 42]);

        Assert.Throws<GrpcFrameException>(() => reader.TryRead(out _));
    }

    [Fact]
    public void TryRead_Gzip_Inflates()
    {
        using var reader = new GrpcFrameReader(Limit, allowGzip: true);
        Feed(reader, Gzip([.. Enumerable.Range(0, 5000).Select(i => (byte)i)]));

        Assert.True(reader.TryRead(out var message));
        Assert.Equal(5000, message.Length);
        Assert.Equal(7, message.Span[7]);
    }

    [Fact]
    public void TryRead_GzipBomb_StopsAtTheLimit()
    {
        using var reader = new GrpcFrameReader(Limit, allowGzip: true);
        Feed(reader, Gzip(new byte[1_000_000]));

        Assert.Equal(VllmStatusCode.ResourceExhausted, Assert.Throws<GrpcFrameException>(() => reader.TryRead(out _)).StatusCode);
    }

    [Fact]
    public void TryRead_BadGzip_IsRefused()
    {
        using var reader = new GrpcFrameReader(Limit, allowGzip: true);
        Feed(reader, [1, 0, 0, 0, 3, 1, 2, 3]);

        Assert.Throws<GrpcFrameException>(() => reader.TryRead(out _));
    }

    private static List<byte[]> Read(byte[] bytes, Random random, int limit, out int pending)
    {
        using var reader = new GrpcFrameReader(limit, allowGzip: true);
        var messages = new List<byte[]>();
        for (var at = 0; at < bytes.Length;)
        {
            var buffer = reader.GetBuffer();
            var count = Math.Min(Math.Min(random.Next(1, 40), buffer.Length), bytes.Length - at);
            bytes.AsSpan(at, count).CopyTo(buffer.Span);
            reader.Advance(count);
            at += count;
            while (reader.TryRead(out var message))
            {
                messages.Add(message.ToArray());
            }
        }

        pending = reader.PendingBytes;
        return messages;
    }

    private static void Feed(GrpcFrameReader reader, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var buffer = reader.GetBuffer();
            var count = Math.Min(buffer.Length, bytes.Length - at);
            bytes.AsSpan(at, count).CopyTo(buffer.Span);
            reader.Advance(count);
            at += count;
        }
    }

    private static byte[] Gzip(byte[] data)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionMode.Compress))
        {
            gzip.Write(data);
        }

        var frame = ReplayServer.Frame(target.ToArray());
        frame[0] = 1;
        return frame;
    }
}
