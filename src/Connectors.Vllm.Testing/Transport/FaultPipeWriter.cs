using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>
/// Stands between the HTTP/2 connection and its socket. Normally it only passes bytes on. It can count what was sent, cut DATA frames into one-byte
/// frames (flow control is unharmed: the payload stays the same), and it can end the connection with frames of its own at a frame boundary.
/// </summary>
/// <remarks>The connection writes whole frames before it flushes, under its own lock; so "nothing unflushed" means "between two frames".</remarks>
internal sealed class FaultPipeWriter(PipeWriter inner) : PipeWriter
{
    private const int FrameHeaderLength = 9;
    private const byte DataFrame = 0;
    private const byte EndStreamFlag = 1;

    private readonly Lock _gate = new();
    private ArrayBufferWriter<byte>? _held;
    private bool _dirty;
    private bool _dead;
    private byte[]? _lastWords;
    private readonly SentData _sent = new();
    private volatile bool _splitEveryByte;
    private int _dripMilliseconds;

    /// <summary>Cut the DATA frames written from now on into frames of one byte.</summary>
    public bool SplitEveryByte
    {
        get => _splitEveryByte;
        set => _splitEveryByte = value;
    }

    /// <summary>Wait this long between one-byte frames; 0 does not wait.</summary>
    public int DripMilliseconds
    {
        get => Volatile.Read(ref _dripMilliseconds);
        set => Volatile.Write(ref _dripMilliseconds, value);
    }

    /// <summary>Counts, from now on, the DATA bytes of a stream that have gone to the socket.</summary>
    public void Track(int streamId) => _sent.Track(streamId);

    /// <summary>Ends the counting of a stream.</summary>
    public void Forget(int streamId) => _sent.Forget(streamId);

    /// <summary>Waits until so many DATA bytes of a tracked stream have gone to the socket.</summary>
    public Task WaitUntilSentAsync(int streamId, long bytes) => _sent.WaitAsync(streamId, bytes);

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => _held?.WrittenCount ?? inner.UnflushedBytes;

    /// <summary>Writes <paramref name="frames"/> at the next frame boundary, discards all that follows and closes the socket after them.</summary>
    public void SayLastWords(byte[] frames)
    {
        lock (_gate)
        {
            if (_dead)
            {
                return;
            }

            if (_dirty)
            {
                _lastWords = frames;
                return;
            }

            Die(frames);
        }
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        lock (_gate)
        {
            return Begin() is { } held ? held.GetMemory(sizeHint) : inner.GetMemory(sizeHint);
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        lock (_gate)
        {
            return Begin() is { } held ? held.GetSpan(sizeHint) : inner.GetSpan(sizeHint);
        }
    }

    public override void Advance(int bytes)
    {
        if (_held is { } held)
        {
            held.Advance(bytes);
        }
        else
        {
            inner.Advance(bytes);
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ArrayBufferWriter<byte>? held;
        lock (_gate)
        {
            held = _held;
            if (_dead)
            {
                held?.ResetWrittenCount();
                return new ValueTask<FlushResult>(new FlushResult(isCanceled: false, isCompleted: true));
            }

            if (held is null)
            {
                var flush = inner.FlushAsync(cancellationToken);
                EndWrite();
                return flush;
            }
        }

        return FlushHeldAsync(held, cancellationToken);
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null)
    {
        lock (_gate)
        {
            if (!_dead)
            {
                inner.Complete(exception);
                _dead = true;
            }
        }
    }

    private ArrayBufferWriter<byte>? Begin()
    {
        if (!_dirty)
        {
            _dirty = true;
            _held = _splitEveryByte || _dead || _sent.IsTracking ? _held ?? new ArrayBufferWriter<byte>() : null;
        }

        return _held;
    }

    private async ValueTask<FlushResult> FlushHeldAsync(ArrayBufferWriter<byte> held, CancellationToken cancellationToken)
    {
        var bytes = held.WrittenMemory.ToArray();
        held.ResetWrittenCount();
        var split = _splitEveryByte;
        var result = default(FlushResult);
        var position = 0;
        while (position + FrameHeaderLength <= bytes.Length)
        {
            var length = (bytes[position] << 16) | (bytes[position + 1] << 8) | bytes[position + 2];
            var end = position + FrameHeaderLength + length;
            if (end > bytes.Length)
            {
                break;
            }

            if (split && bytes[position + 3] == DataFrame && length > 1)
            {
                for (var i = 0; i < length; i++)
                {
                    var last = i == length - 1;
                    WriteByteFrame(bytes, position, position + FrameHeaderLength + i, last);
                    var drip = DripMilliseconds;
                    if (drip > 0)
                    {
                        result = await inner.FlushAsync(cancellationToken).ConfigureAwait(false);
                        await Task.Delay(drip, cancellationToken).ConfigureAwait(false);
                    }
                }
            }
            else
            {
                inner.Write(bytes.AsSpan(position, end - position));
            }

            position = end;
        }

        // Kestrel never flushes inside a frame; should it ever, the rest goes out unchanged.
        inner.Write(bytes.AsSpan(position));
        result = await inner.FlushAsync(cancellationToken).ConfigureAwait(false);
        lock (_gate)
        {
            EndWrite();
        }

        _sent.Count(bytes);

        return result;
    }

    private void WriteByteFrame(byte[] bytes, int header, int payload, bool last)
    {
        var frame = inner.GetSpan(FrameHeaderLength + 1);
        bytes.AsSpan(header, FrameHeaderLength).CopyTo(frame);
        frame[0] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(frame[1..], 1);
        frame[4] = (byte)(last ? bytes[header + 4] : bytes[header + 4] & ~EndStreamFlag);
        frame[FrameHeaderLength] = bytes[payload];
        inner.Advance(FrameHeaderLength + 1);
    }

    private void EndWrite()
    {
        _dirty = false;
        if (_lastWords is { } words)
        {
            Die(words);
        }
    }

    private void Die(byte[] frames)
    {
        _dead = true;
        if (frames.Length > 0)
        {
            try
            {
                inner.Write(frames);
            }
            catch (InvalidOperationException)
            {
                // Kestrel completes the pipe behind this writer when a connection is gone: nobody is left to read the words.
                return;
            }

            _ = inner.FlushAsync(CancellationToken.None).AsTask();
        }

        // Completing lets the socket drain what was written before it closes; an abort would throw it away.
        inner.Complete();
    }
}
