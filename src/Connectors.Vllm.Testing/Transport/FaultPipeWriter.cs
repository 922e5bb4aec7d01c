using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>
/// A pipe writer between the HTTP/2 connection and its socket, which normally just forwards bytes. It can count the bytes sent, split DATA frames
/// into one-byte frames (which does not affect flow control, because the payload stays the same), and end the connection with given frames at a frame
/// boundary.
/// </summary>
/// <remarks>
/// The connection writes whole frames before it flushes, under its own lock, so if nothing is unflushed, the writer is between two frames.
/// </remarks>
internal sealed class FaultPipeWriter(PipeWriter inner) : PipeWriter
{
    private const int FrameHeaderLength = 9;
    private const byte DataFrame = 0;
    private const byte EndStreamFlag = 1;

    private readonly Lock _gate = new();
    private ArrayBufferWriter<byte>? _held;
    private bool _dirty;
    private bool _closed;
    private byte[]? _closingFrames;
    private readonly SentData _sent = new();
    private volatile bool _splitEveryByte;
    private int _dripMilliseconds;

    /// <summary>Whether to split the DATA frames written from now on into frames of one byte.</summary>
    public bool SplitEveryByte
    {
        get => _splitEveryByte;
        set => _splitEveryByte = value;
    }

    /// <summary>The delay between one-byte frames; 0 for none.</summary>
    public int DripMilliseconds
    {
        get => Volatile.Read(ref _dripMilliseconds);
        set => Volatile.Write(ref _dripMilliseconds, value);
    }

    /// <summary>Starts counting the DATA bytes of a stream that are written to the socket.</summary>
    public void Track(int streamId) => _sent.Track(streamId);

    /// <summary>Stops counting for a stream.</summary>
    public void Untrack(int streamId) => _sent.Untrack(streamId);

    /// <summary>Waits until the given number of DATA bytes of a tracked stream has been written to the socket.</summary>
    public Task WaitUntilSentAsync(int streamId, long bytes) => _sent.WaitAsync(streamId, bytes);

    public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => _held?.WrittenCount ?? inner.UnflushedBytes;

    /// <summary>Writes <paramref name="frames"/> at the next frame boundary, discards all that follows and closes the socket after them.</summary>
    public void CloseAfter(byte[] frames)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return;
            }

            if (_dirty)
            {
                _closingFrames = frames;
                return;
            }

            Close(frames);
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
            if (_closed)
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
            if (!_closed)
            {
                inner.Complete(exception);
                _closed = true;
            }
        }
    }

    private ArrayBufferWriter<byte>? Begin()
    {
        if (!_dirty)
        {
            _dirty = true;
            _held = _splitEveryByte || _closed || _sent.IsTracking ? _held ?? new ArrayBufferWriter<byte>() : null;
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

        // Kestrel does not flush within a frame; if it did, the rest would be written unchanged.
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
        if (_closingFrames is { } frames)
        {
            Close(frames);
        }
    }

    private void Close(byte[] frames)
    {
        _closed = true;
        if (frames.Length > 0)
        {
            try
            {
                inner.Write(frames);
            }
            catch (InvalidOperationException)
            {
                // Kestrel completes the underlying pipe when the connection is lost; there is no peer left to send to.
                return;
            }

            _ = inner.FlushAsync(CancellationToken.None).AsTask();
        }

        // Completing lets the socket send what was written before it closes; an abort would discard it.
        inner.Complete();
    }
}
