using System.Buffers.Binary;
using System.Security.Cryptography;
using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.VllmEngine;

/// <summary>GetTokenizer with defects: archives that no client should unpack, and refusals.</summary>
internal sealed class TokenizerTransfer(EmulatorState state)
{
    // Not a round number, so that its bytes do not occur in the zip archive by chance.
    private const int LyingLength = 0x0412_3457;
    private readonly Lazy<byte[]> _good = new(() => TokenizerArchive.Zip(state.Model.SentFiles));

    public Task SendAsync(GrpcCall call) => state.Options.TokenizerBundle switch
    {
        TokenizerBundle.HubId => throw RpcFailure.Internal($"No tokenizer files found in {state.Model.Path}"),
        TokenizerBundle.NotConfigured => throw new RpcFailure(RpcStatus.FailedPrecondition, "Tokenizer path is not configured on this server."),
        TokenizerBundle.Unimplemented => throw RpcFailure.Unimplemented("Method not found!"),
        TokenizerBundle.Empty => Task.CompletedTask,
        TokenizerBundle.EscapingNames => TokenizerArchive.SendAsync(call, Escaping()),
        TokenizerBundle.TooManyEntries => TokenizerArchive.SendAsync(call, Crowded()),
        TokenizerBundle.LyingSizes => TokenizerArchive.SendAsync(call, Lying()),
        TokenizerBundle.NotAZip => TokenizerArchive.SendAsync(call, "this is not a zip archive"u8.ToArray()),
        TokenizerBundle.SingleChunk => TokenizerArchive.SendAsync(call, _good.Value, slice: int.MaxValue),
        TokenizerBundle.ManyChunks => TokenizerArchive.SendAsync(call, _good.Value, slice: 100),
        TokenizerBundle.WrongChecksum =>
            TokenizerArchive.SendAsync(call, _good.Value, checksum: Convert.ToHexStringLower(SHA256.HashData("other bytes"u8))),
        TokenizerBundle.MissingChecksum => TokenizerArchive.SendAsync(call, _good.Value, checksum: ""),
        _ => TokenizerArchive.SendAsync(call, _good.Value),
    };

    private byte[] Escaping() => TokenizerArchive.Zip(state.Model.SentFiles.Append(new("../evil.json", "{}"u8.ToArray())));

    private byte[] Crowded() => TokenizerArchive.Zip(state.Model.SentFiles.Concat(Enumerable.Range(0, 51 - state.Model.SentFiles.Count)
        .Select(i => new KeyValuePair<string, ReadOnlyMemory<byte>>($"filler{i}.jinja", "x"u8.ToArray()))));

    /// <summary>An entry of some 65 MiB of blanks whose headers declare 100 bytes.</summary>
    private static byte[] Lying()
    {
        var zip = TokenizerArchive.Zip([new("tokenizer.json", new byte[LyingLength])]);
        Span<byte> real = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(real, LyingLength);
        for (var at = zip.AsSpan().IndexOf(real); at >= 0;)
        {
            BinaryPrimitives.WriteInt32LittleEndian(zip.AsSpan(at), 100);
            var next = zip.AsSpan(at + 4).IndexOf(real);
            at = next < 0 ? -1 : at + 4 + next;
        }

        return zip;
    }
}
