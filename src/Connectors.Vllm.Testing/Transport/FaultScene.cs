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

    // The call stays open behind the broken frame: a client must notice the frame, not the end of the call.
    private static async Task BreakFrameAsync(GrpcCall call, byte[] frame)
    {
        await call.WriteRawAsync(frame).ConfigureAwait(false);
        await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancelled).ConfigureAwait(false);
    }
}
