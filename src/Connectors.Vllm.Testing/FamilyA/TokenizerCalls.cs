using System.Security.Cryptography;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>GetTokenizer: the model's files as a zip in slices, the SHA-256 of the whole on the last; or a defect a client must notice.</summary>
internal sealed class TokenizerCalls(ServerState state)
{
    private const int SliceLength = 65_536;
    private readonly Lazy<byte[]> _good = new(() => TokenizerZip.Good(state.Model.Files));

    public async Task HandleAsync(GrpcCall call, CapturedRequest captured)
    {
        var variant = state.Options.TokenizerBundle;
        switch (variant)
        {
            case TokenizerBundle.HubId:
                throw RpcFailure.Internal($"No tokenizer files found in {state.Model.Path}");
            case TokenizerBundle.NotConfigured:
                throw new RpcFailure(RpcStatus.FailedPrecondition, "Tokenizer path is not configured on this server.");
            case TokenizerBundle.Unimplemented:
                throw RpcFailure.Unimplemented("Method not found!");
            case TokenizerBundle.Empty:
                return;
        }

        var zip = variant switch
        {
            TokenizerBundle.EscapingNames => TokenizerZip.Escaping(state.Model.Files),
            TokenizerBundle.TooManyEntries => TokenizerZip.Crowded(state.Model.Files),
            TokenizerBundle.LyingSizes => TokenizerZip.Lying(),
            TokenizerBundle.NotAZip => "this is not a zip archive"u8.ToArray(),
            _ => _good.Value,
        };
        var slice = variant switch
        {
            TokenizerBundle.SingleChunk => zip.Length,
            TokenizerBundle.ManyChunks => 100,
            _ => SliceLength,
        };
        var checksum = variant == TokenizerBundle.WrongChecksum ? SHA256.HashData("other bytes"u8) : SHA256.HashData(zip);
        for (var start = 0; start < zip.Length; start += slice)
        {
            var length = Math.Min(slice, zip.Length - start);
            var last = start + length == zip.Length && variant != TokenizerBundle.MissingChecksum;
            await call.WriteAsync(new GetTokenizerChunk
            {
                Data = UnsafeByteOperations.UnsafeWrap(zip.AsMemory(start, length)),
                Sha256 = last ? Convert.ToHexStringLower(checksum) : "",
            }).ConfigureAwait(false);
        }
    }
}
