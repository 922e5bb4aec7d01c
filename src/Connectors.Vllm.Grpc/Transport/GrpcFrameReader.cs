using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Cuts the body of a response into messages, however it was split on the way. Bytes go into <see cref="GetBuffer"/>, messages
/// come out of <see cref="TryRead"/>. Holds at most one message and what was read beyond it; memory grows with the bytes that
/// have come, never with what a prefix announces.
/// </summary>
internal sealed class GrpcFrameReader(int maxMessageBytes, bool allowGzip) : IDisposable
{
    private const int InitialSize = 4096;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(InitialSize);
    private int _start;
    private int _end;

    /// <summary>Bytes of a message that is not whole yet.</summary>
    public int PendingBytes => _end - _start;

    /// <summary>
    /// The next whole message, valid until the next call of <see cref="GetBuffer"/> or <see cref="Dispose"/>.
    /// Throws <see cref="GrpcFrameException"/> for a bad prefix or a message over the limit.
    /// </summary>
    public bool TryRead(out ReadOnlyMemory<byte> message)
    {
        message = default;
        var available = _end - _start;
        if (available < GrpcFrame.HeaderSize)
        {
            return false;
        }

        var flag = _buffer[_start];
        var length = BinaryPrimitives.ReadUInt32BigEndian(_buffer.AsSpan(_start + 1));
        if (flag > 1)
        {
            throw new GrpcFrameException(VllmStatusCode.Internal, $"a message begins with the byte 0x{flag:x2} instead of a compression flag");
        }

        if (length > (uint)maxMessageBytes)
        {
            throw TooLarge(length);
        }

        if ((uint)(available - GrpcFrame.HeaderSize) < length)
        {
            return false;
        }

        message = _buffer.AsMemory(_start + GrpcFrame.HeaderSize, (int)length);
        _start += GrpcFrame.HeaderSize + (int)length;
        if (flag == 1)
        {
            message = Inflate(message);
        }

        return true;
    }

    /// <summary>Free space to read into; never empty.</summary>
    public Memory<byte> GetBuffer()
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_end == _buffer.Length)
        {
            MakeRoom();
        }

        return _buffer.AsMemory(_end);
    }

    public void Advance(int count) => _end += count;

    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        _start = _end = 0;
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void MakeRoom()
    {
        var pending = _end - _start;
        if (pending > _buffer.Length / 2)
        {
            // The limit bounds this: a longer message was refused when its prefix came.
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(_buffer.Length * 2L, Array.MaxLength));
            _buffer.AsSpan(_start, pending).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        else
        {
            _buffer.AsSpan(_start, pending).CopyTo(_buffer);
        }

        _start = 0;
        _end = pending;
    }

    private byte[] Inflate(ReadOnlyMemory<byte> compressed)
    {
        if (!allowGzip)
        {
            throw new GrpcFrameException(VllmStatusCode.Internal, "a message is marked as compressed, but the response names no compression that was offered");
        }

        using var source = new MemoryStream(compressed.ToArray(), writable: false);
        using var gzip = new GZipStream(source, CompressionMode.Decompress);
        using var target = new MemoryStream();
        var chunk = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            int read;
            while ((read = gzip.Read(chunk)) > 0)
            {
                if (target.Length + read > maxMessageBytes)
                {
                    throw TooLarge(target.Length + read);
                }

                target.Write(chunk, 0, read);
            }

            return target.ToArray();
        }
        catch (InvalidDataException e)
        {
            throw new GrpcFrameException(VllmStatusCode.Internal, "a compressed message is not valid gzip", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private GrpcFrameException TooLarge(long length) => new(
        VllmStatusCode.ResourceExhausted,
        $"a message of {length} bytes is over the limit of {maxMessageBytes} ({nameof(VllmConnectionOptions)}.{nameof(VllmConnectionOptions.MaxReceiveMessageBytes)})");
}
