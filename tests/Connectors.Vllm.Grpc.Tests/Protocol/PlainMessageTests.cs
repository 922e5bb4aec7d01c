using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>The short way of reading a token message says the same as the generated parser, or leaves the message to it.</summary>
public sealed class PlainMessageTests
{
    [Fact]
    public void TryReadPlainChunk_AnyChunk_EqualsGeneratedParser() => Prop.ForAll(
        ArbMap.Default.ArbFor<(NonNull<uint[]> Ids, uint Prompt, uint Cached, byte Index)>(),
        input =>
        {
            var chunk = new Engine.GenerateStreamChunk
            {
                TokenIds = { input.Ids.Get.Select(id => id & int.MaxValue) },
                PromptTokens = input.Prompt & int.MaxValue,
                CompletionTokens = (uint)input.Ids.Get.Length,
                CachedTokens = input.Cached & int.MaxValue,
                Index = input.Index,
            };
            var message = new Engine.GenerateResponse { Chunk = chunk }.ToByteArray();

            Assert.True(VllmEngineReader.TryReadPlainChunk(message, out var update));
            Assert.Equal(chunk.TokenIds, update.TokenIds.ToArray().Select(id => (uint)id));
            Assert.Equal(
                ((int)chunk.PromptTokens, (int)chunk.CachedTokens, (int)chunk.Index), (update.PromptTokens, update.CachedTokens, update.Index));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void TryReadPlainDelta_AnyDelta_EqualsGeneratedParser() => Prop.ForAll(
        ArbMap.Default.ArbFor<NonNull<uint[]>>(),
        input =>
        {
            var ids = input.Get.Select(id => id & int.MaxValue).ToArray();
            var message = new Inference.GenerateResponse { Outputs = new() { TokenIds = { ids }, NumTokens = (uint)ids.Length } }.ToByteArray();

            Assert.True(InferenceReader.TryReadPlainDelta(message, out var update));
            Assert.Equal(ids, update.TokenIds.ToArray().Select(id => (uint)id));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Read_AnyBytes_GivesAnUpdateOrADocumentedError() => Prop.ForAll(
        ArbMap.Default.ArbFor<NonNull<byte[]>>(),
        input =>
        {
            foreach (var reader in new GenerationReader[] { new VllmEngineReader(new(), null), new InferenceReader(new(), null) })
            {
                try
                {
                    reader.ReadBytes(input.Get);
                }
                catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException or OverflowException)
                {
                }
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void TryReadPlainChunk_OtherFieldsPresent_LeavesTheMessage()
    {
        var message = new Engine.GenerateResponse
        { Chunk = new() { TokenIds = { 1 }, OutputLogprobs = new() { TokenIds = { 1 }, TokenLogprobs = { -1 } } } }.ToByteArray();

        Assert.False(VllmEngineReader.TryReadPlainChunk(message, out _));
    }

    [Fact]
    public void Read_ChoiceNobodyAskedFor_IsAnError() => Assert.Throws<InvalidDataException>(() =>
        new VllmEngineReader(new GenerationRequest(), null).ReadBytes(new Engine.GenerateResponse { Chunk = new() { Index = 1 } }.ToByteArray()));
}
