using System.Buffers.Binary;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>Plays a <see cref="ServerFault"/> in a call; always ends in an exception that unwinds the handler.</summary>
internal static class FaultScene
{
    // gRPC prefix: one flag byte, four bytes of big-endian length.
    private static readonly byte[] TooLong = [0, 0, 0, 0, 200, 10, 2, 8, 1];
    private static readonly byte[] Oversize = [0, 0xFF, 0xFF, 0xFF, 0xFF, 10, 2, 8, 1];
    private static readonly byte[] Compressed = [1, 0, 0, 0, 4, 10, 2, 8, 1];
    private static readonly byte[] UnknownFlag = [7, 0, 0, 0, 4, 10, 2, 8, 1];
    private static readonly byte[] NotProtobuf = [0, 0, 0, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

    public static async Task PlayAsync(GrpcCall call, ServerFault fault)
    {
        call.Fault = null;
        await call.DrainAsync().ConfigureAwait(false);
        switch (fault.Kind)
        {
            case FaultKind.Stall:
                await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancelled).ConfigureAwait(false);
                break;
            case FaultKind.DropConnection:
                call.Ended = true;
                call.Connection?.Drop();
                break;
            case FaultKind.CloseConnection:
                call.Ended = true;
                call.Connection?.Close();
                break;
            case FaultKind.GoAway:
                call.Ended = true;
                call.Connection?.GoAwayAndClose(fault.Http2Error, debugData: fault.Detail);
                break;
            case FaultKind.ResetStream:
                await call.ResetAsync(fault.Http2Error).ConfigureAwait(false);
                break;
            case FaultKind.Status:
                throw new RpcFailure((RpcStatus)fault.GrpcStatus, fault.Detail);
            case FaultKind.MissingTrailers:
                await call.FinishWithoutTrailersAsync().ConfigureAwait(false);
                break;
            case FaultKind.EndEarly:
                await call.FinishAsync(RpcStatus.Ok, "").ConfigureAwait(false);
                break;
            case FaultKind.HttpAnswer:
                await call.AnswerAsHttpAsync(fault.HttpStatus, "text/html", "<html><body>This is not a gRPC server.</body></html>")
                    .ConfigureAwait(false);
                break;
            case FaultKind.LengthTooLong:
                await call.WriteRawAsync(TooLong).ConfigureAwait(false);
                await call.FinishAsync(RpcStatus.Ok, "").ConfigureAwait(false);
                break;
            case FaultKind.Oversize:
                await BreakFrameAsync(call, Oversize).ConfigureAwait(false);
                break;
            case FaultKind.BadCompressionFlag:
                await BreakFrameAsync(call, Compressed).ConfigureAwait(false);
                break;
            case FaultKind.UnknownCompressionFlag:
                await BreakFrameAsync(call, UnknownFlag).ConfigureAwait(false);
                break;
            case FaultKind.NotProtobuf:
                await BreakFrameAsync(call, NotProtobuf).ConfigureAwait(false);
                break;
            default:
                throw new NotSupportedException($"unknown fault {fault.Kind}");
        }

        throw new CallOverException();
    }

    // The call stays open after the broken frame: a client must notice the frame, not the end of the call.
    private static async Task BreakFrameAsync(GrpcCall call, byte[] frame)
    {
        await call.WriteRawAsync(frame).ConfigureAwait(false);
        await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancelled).ConfigureAwait(false);
    }
}

/// <summary>One client connection, as the fault scenes see it: it can be dropped, told to go away, or made to talk in single bytes.</summary>
internal sealed class ConnectionTap : IDuplexPipe
{
    private const int GoAwayType = 7;
    private readonly ConnectionContext _context;
    private readonly FaultPipeWriter _output;

    public ConnectionTap(ConnectionContext context)
    {
        _context = context;
        Input = context.Transport.Input;
        _output = new FaultPipeWriter(context.Transport.Output);
    }

    public PipeReader Input { get; }

    public PipeWriter Output => _output;

    /// <summary>From now on every DATA frame carries one byte, <paramref name="dripMilliseconds"/> apart.</summary>
    public void SplitEveryByte(int dripMilliseconds)
    {
        _output.DripMilliseconds = dripMilliseconds;
        _output.SplitEveryByte = true;
    }

    /// <summary>Counts what a stream sends from now on, so that <see cref="WaitUntilSentAsync"/> can wait for it.</summary>
    public void Track(int streamId) => _output.Track(streamId);

    /// <summary>Ends the counting.</summary>
    public void Forget(int streamId) => _output.Forget(streamId);

    /// <summary>Waits until so many DATA bytes of a tracked stream have left.</summary>
    public Task WaitUntilSentAsync(int streamId, long bytes) => _output.WaitUntilSentAsync(streamId, bytes);

    /// <summary>Ends one-byte frames.</summary>
    public void StopSplitting() => _output.SplitEveryByte = false;

    /// <summary>Cuts the connection at once (RST on the TCP level).</summary>
    public void Drop() => _context.Abort(new ConnectionAbortedException("The test server drops this connection."));

    /// <summary>Sends GOAWAY with <paramref name="errorCode"/> and closes the socket after it.</summary>
    public void GoAwayAndClose(int errorCode, int lastStreamId = int.MaxValue, string debugData = "") =>
        _output.SayLastWords(GoAwayFrame(errorCode, lastStreamId, debugData));

    /// <summary>Closes the socket after what was already written (FIN).</summary>
    public void Close() => _output.SayLastWords([]);

    private static byte[] GoAwayFrame(int errorCode, int lastStreamId, string debugData)
    {
        var debug = System.Text.Encoding.UTF8.GetBytes(debugData);
        var frame = new byte[17 + debug.Length];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)(8 + debug.Length));
        frame[3] = GoAwayType;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(9), lastStreamId);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(13), errorCode);
        debug.CopyTo(frame.AsSpan(17));
        return frame;
    }
}
