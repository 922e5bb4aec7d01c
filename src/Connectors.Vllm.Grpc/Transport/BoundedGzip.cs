using System.Buffers.Binary;
using System.IO.Compression;
using Grpc.Net.Compression;

namespace Connectors.Vllm.Grpc;

/// <summary>gzip for messages of a server, with a limit for what one may inflate to; memory grows with the bytes that come.</summary>
internal sealed class BoundedGzip(int maxBytes) : ICompressionProvider
{
    public string EncodingName => "gzip";

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        new GZipStream(stream, compressionLevel ?? CompressionLevel.Fastest, leaveOpen: true);

    public Stream CreateDecompressionStream(Stream stream) => new Bounded(stream, maxBytes);

    private sealed class Bounded(Stream source, int maxBytes) : Stream
    {
        private readonly GZipStream _gzip = new(source, CompressionMode.Decompress);
        private long _total;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var read = _gzip.Read(buffer);
            if (read == 0)
            {
                CheckLength();
            }

            _total += read;
            return _total <= maxBytes ? read : throw new MessageTooLargeException(_total);
        }

        /// <summary>GZipStream takes a stream that is cut in its trailer for whole; the trailer's last four bytes are the length.</summary>
        private void CheckLength()
        {
            Span<byte> length = stackalloc byte[sizeof(uint)];
            if (!source.CanSeek)
            {
                return;
            }

            source.Seek(Math.Max(0, source.Length - length.Length), SeekOrigin.Begin);
            if (source.ReadAtLeast(length, length.Length, throwOnEndOfStream: false) < length.Length
                || BinaryPrimitives.ReadUInt32LittleEndian(length) != (uint)_total)
            {
                throw new InvalidDataException("a compressed message is cut short");
            }
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _gzip.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}

/// <summary>A compressed message inflates to more than the limit. Never leaves this package.</summary>
internal sealed class MessageTooLargeException(long bytes) : Exception($"a message of at least {bytes} bytes");
