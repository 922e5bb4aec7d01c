using System.Diagnostics;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>What a plain stub would cost: Grpc.Net.Client and protobuf; ids are counted, never decoded.</summary>
internal sealed class GrpcNetStreamClient : IStreamClient
{
    private static readonly Method<GenerateRequest, GenerateResponse> Generate = new(
        MethodType.ServerStreaming,
        "vllm.grpc.engine.VllmEngine",
        "Generate",
        Marshallers.Create(static (request, context) => context.Complete(request.ToByteArray()),
            static context => GenerateRequest.Parser.ParseFrom(context.PayloadAsReadOnlySequence())),
        Marshallers.Create(static (response, context) => context.Complete(response.ToByteArray()),
            static context => GenerateResponse.Parser.ParseFrom(context.PayloadAsReadOnlySequence())));

    private readonly GrpcChannel _channel;
    private readonly CallInvoker _invoker;
    private readonly GenerateRequest _request;

    public GrpcNetStreamClient(Uri endpoint, StreamCase @case)
    {
        _channel = GrpcChannel.ForAddress(
            endpoint, new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true } });
        _invoker = _channel.CreateCallInvoker();
        _request = GrpcDialect.Request(@case);
    }

    public string Name => "grpc_net_client";

    public async Task<int> ReadAsync(int number, List<long>? arrivals)
    {
        var ids = 0;
        using var call = _invoker.AsyncServerStreamingCall(Generate, host: null, default, GrpcDialect.WithNumber(_request, number));
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            arrivals?.Add(Stopwatch.GetTimestamp());
            ids += call.ResponseStream.Current.Chunk?.TokenIds.Count ?? 0;
        }

        return ids;
    }

    public ValueTask DisposeAsync()
    {
        _channel.Dispose();
        return ValueTask.CompletedTask;
    }
}
