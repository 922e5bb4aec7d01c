using Grpc.Core;
using Grpc.Net.Client;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>A call past this client: bytes out, bytes in.</summary>
internal static class RawCall
{
    public static async Task<(List<byte[]> Messages, Status Status)> SendAsync(GrpcChannel channel, string path, byte[] request)
    {
        var bytes = Marshallers.Create(static (byte[] message) => message, static message => message);
        var cut = path.LastIndexOf('/');
        var method = new Method<byte[], byte[]>(MethodType.ServerStreaming, path[1..cut], path[(cut + 1)..], bytes, bytes);
        using var call = channel.CreateCallInvoker()
            .AsyncServerStreamingCall(method, null, new CallOptions(cancellationToken: TestContext.Current.CancellationToken), request);
        var messages = new List<byte[]>();
        try
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
                messages.Add(call.ResponseStream.Current);
            }

            return (messages, Status.DefaultSuccess);
        }
        catch (RpcException exception)
        {
            return (messages, exception.Status);
        }
    }
}
