using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Every message that a live server sent or took reads without unknown fields and writes back to the same bytes.</summary>
public sealed class RecordedMessageTests
{
    private static readonly Dictionary<string, (MessageDescriptor Request, MessageDescriptor Response)> Methods =
        VllmEngineReflection.Descriptor.Services
            .Concat(Inference.InferenceReflection.Descriptor.Services)
            .Concat(Inference.ControlReflection.Descriptor.Services)
            .SelectMany(service => service.Methods)
            .ToDictionary(method => $"/{method.Service.FullName}/{method.Name}", method => (method.InputType, method.OutputType));

    [Fact]
    public void Parse_EveryRecordedMessage_HasNoUnknownFieldsAndWritesTheSameBytes()
    {
        var count = 0;
        foreach (var exchange in Recordings.All)
        {
            var (request, response) = Methods[exchange.Method];
            Check(exchange, request, exchange.Request);
            foreach (var message in exchange.Responses)
            {
                Check(exchange, response, message);
                count++;
            }
        }

        Assert.True(count > 1000, $"only {count} messages were checked");
    }

    private static void Check(RecordedExchange exchange, MessageDescriptor type, byte[] bytes)
    {
        var message = type.Parser.ParseFrom(bytes);
        Assert.True(bytes.AsSpan().SequenceEqual(message.ToByteArray()), $"{exchange}: a {type.FullName} changes when it is written back");

        var known = type.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes);
        Assert.True(bytes.Length == known.CalculateSize(), $"{exchange}: a {type.FullName} has unknown fields");
    }
}
