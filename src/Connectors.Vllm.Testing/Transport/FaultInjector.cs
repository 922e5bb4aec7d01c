using System.Buffers.Binary;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>Injects a <see cref="ServerFault"/> into a call; always throws an exception that unwinds the handler.</summary>
internal static class FaultInjector
{
    // gRPC prefix: one flag byte, four bytes of big-endian length.
    private static readonly byte[] TooLong = [0, 0, 0, 0, 200, 10, 2, 8, 1];
    private static readonly byte[] Oversize = [0, 0xFF, 0xFF, 0xFF, 0xFF, 10, 2, 8, 1];
    private static readonly byte[] Compressed = [1, 0, 0, 0, 4, 10, 2, 8, 1];
    private static readonly byte[] UnknownFlag = [7, 0, 0, 0, 4, 10, 2, 8, 1];
    private static readonly byte[] NotProtobuf = [0, 0, 0, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

    public static async Task InjectAsync(GrpcCall call, ServerFault fault)
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

        throw new FaultInjectedException();
    }

    // The call stays open after the invalid frame, so that the client must detect the frame and not the end of the call.
    private static async Task BreakFrameAsync(GrpcCall call, byte[] frame)
    {
        await call.WriteRawAsync(frame).ConfigureAwait(false);
        await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancelled).ConfigureAwait(false);
    }
}

/// <summary>Controls one client connection for fault injection: it can be dropped, closed with GOAWAY, or made to send single bytes.</summary>
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

    /// <summary>Makes every further DATA frame contain one byte, with <paramref name="dripMilliseconds"/> between frames.</summary>
    public void SplitEveryByte(int dripMilliseconds)
    {
        _output.DripMilliseconds = dripMilliseconds;
        _output.SplitEveryByte = true;
    }

    /// <summary>Starts counting what a stream sends, for <see cref="WaitUntilSentAsync"/>.</summary>
    public void Track(int streamId) => _output.Track(streamId);

    /// <summary>Stops counting.</summary>
    public void Untrack(int streamId) => _output.Untrack(streamId);

    /// <summary>Waits until the given number of DATA bytes of a tracked stream has been sent.</summary>
    public Task WaitUntilSentAsync(int streamId, long bytes) => _output.WaitUntilSentAsync(streamId, bytes);

    /// <summary>Ends the splitting into one-byte frames.</summary>
    public void StopSplitting() => _output.SplitEveryByte = false;

    /// <summary>Aborts the connection (TCP RST).</summary>
    public void Drop() => _context.Abort(new ConnectionAbortedException("The test server drops this connection."));

    /// <summary>Sends GOAWAY with <paramref name="errorCode"/> and closes the socket after it.</summary>
    public void GoAwayAndClose(int errorCode, int lastStreamId = int.MaxValue, string debugData = "") =>
        _output.CloseAfter(GoAwayFrame(errorCode, lastStreamId, debugData));

    /// <summary>Closes the socket after what was already written (FIN).</summary>
    public void Close() => _output.CloseAfter([]);

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
