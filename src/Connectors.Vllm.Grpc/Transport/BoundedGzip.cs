using System.Buffers.Binary;
using System.IO.Compression;
using Grpc.Net.Compression;

namespace Connectors.Vllm.Grpc;

/// <summary>gzip for messages from a server, with a limit for the decompressed size; memory grows with the bytes received.</summary>
internal sealed class BoundedGzip(int maxBytes) : ICompressionProvider
{
    public string EncodingName => "gzip";

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        new GZipStream(stream, compressionLevel ?? CompressionLevel.Fastest, leaveOpen: true);

    public Stream CreateDecompressionStream(Stream stream) => new BoundedStream(stream, maxBytes);

    private sealed class BoundedStream(Stream source, int maxBytes) : Stream
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

        /// <summary>GZipStream accepts a stream that is truncated within its trailer; the trailer's last four bytes are the length.</summary>
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

/// <summary>Thrown if a compressed message decompresses to more than the limit. Internal to this package.</summary>
internal sealed class MessageTooLargeException(long bytes) : Exception($"a message of at least {bytes} bytes");
