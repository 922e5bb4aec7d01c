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
    public void TryRead_HostileStream_GivesMessagesOrTheDocumentedErrorWithinTheLimit() => Prop.ForAll(
        Gen.ListOf(HostilePart).Select(parts => parts.SelectMany(part => part).ToArray()).ToArbitrary(),
        ArbMap.Default.ArbFor<PositiveInt>(),
        (bytes, seed) =>
        {
            const int HostileLimit = 1000;
            using var reader = new GrpcFrameReader(HostileLimit, allowGzip: true);
            var random = new Random(seed.Get);
            var read = 0;
            try
            {
                for (var at = 0; at < bytes.Length;)
                {
                    var buffer = reader.GetBuffer();

                    // Twice the largest message and what comes with it, rounded up by the pool.
                    Assert.InRange(buffer.Length + reader.PendingBytes, 1, 8192);
                    var count = Math.Min(Math.Min(random.Next(1, 600), buffer.Length), bytes.Length - at);
                    bytes.AsSpan(at, count).CopyTo(buffer.Span);
                    reader.Advance(count);
                    at += count;
                    while (reader.TryRead(out var message))
                    {
                        Assert.InRange(message.Length, 0, HostileLimit);

                        // Every message took at least its prefix: the loop ends.
                        Assert.InRange(++read, 1, bytes.Length / GrpcFrame.HeaderSize);
                    }
                }
            }
            catch (GrpcFrameException e)
            {
                Assert.True(e.StatusCode is VllmStatusCode.Internal or VllmStatusCode.ResourceExhausted);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

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

    /// <summary>Frames that are right, compressed, cut off, lying about their length, bombs, and plain noise: random bytes alone hardly ever pass the first prefix.</summary>
    private static Gen<byte[]> HostilePart => Gen.Frequency(
        (6, Gen.Choose(0, 900).Select(length => ReplayServer.Frame(new byte[length]))),
        (2, Gen.Choose(0, 900).Select(length => Gzip(new byte[length]))),
        (1, Gen.Constant(Gzip(new byte[100_000]))),
        (1, Gen.Choose(0, 20).Select(length => Gzip(new byte[200])[..length])),
        (1, Gen.Choose(0, 2000).Select(length => (byte[])[0, 0, 0, (byte)(length >> 8), (byte)length, 7])),
        (1, Gen.Choose(-1, int.MaxValue).Select(length => (byte[])[1, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length])),
        (1, ArbMap.Default.GeneratorFor<byte[]>().Select(bytes => bytes ?? [])));

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
