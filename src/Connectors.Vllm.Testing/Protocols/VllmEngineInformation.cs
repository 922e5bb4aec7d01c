using System.Globalization;
using System.IO.Compression;
using System.Numerics;
using System.Security.Cryptography;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>Creates the information messages of the VllmEngine protocol.</summary>
internal static class VllmEngineInformation
{
    private const int TotalTokens = 364 * 128;

    public static GetModelInfoResponse CreateModelInfo(ServerState state)
    {
        var model = state.Model;
        return new GetModelInfoResponse
        {
            ModelPath = model.Path,
            IsGeneration = !state.Options.IsEmbeddingModel,
            MaxContextLength = (uint)model.ContextLength,
            VocabSize = (uint)model.VocabularySize,
            SupportsVision = state.Options.AcceptsMedia,
            ServedModelName = model.ServedName,
            TokenizerPath = model.Path,
            ModelType = model.ModelType,
            Architectures = { model.Architectures },
            EosTokenIds = { model.EosTokens },
            PadTokenId = model.PadToken,
            BosTokenId = model.BosToken,
            MaxReqInputLen = model.ContextLength,
            DefaultSamplingParamsJson = model.SamplingJson,
        };
    }

    public static GetServerInfoResponse CreateServerInfo(ServerState state)
    {
        var options = state.Options;
        var response = new GetServerInfoResponse
        {
            DataParallelSize = 1,
            KvCacheDtype = "auto",
            BlockSize = 16,
            ModelDtype = "torch.bfloat16",
            MaxNumSeqs = 256,
            MultimodalEncoderDtype = "bfloat16",
            EngineReasoningParser = options.ReasoningParser,
            ConstrainedDecodingStart = options.ConstraintStart switch
            {
                ConstraintStart.AfterReasoning => "after_reasoning",
                ConstraintStart.FirstToken => "first_token",
                _ => "",
            },
        };
        if (options.AcceptsMedia)
        {
            response.MmProcessor = "inprocess";
            response.MmProcessorSource = "flag";
            response.MmMediaRefSchemes = "http,https,data";
        }

        return response;
    }

    public static GetLoadsResponse CreateLoads(ServerState state)
    {
        var running = state.Running.Count;
        return new GetLoadsResponse
        {
            Timestamp = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff+00:00", CultureInfo.InvariantCulture),
            Version = "0.32.0",
            DpRankCount = 1,
            Loads =
            {
                new SchedulerLoad { NumRunningReqs = running, NumTotalReqs = running, MaxTotalNumTokens = TotalTokens, MaxRunningRequests = 256 },
            },
        };
    }

    /// <summary>Gets the constraint of a request, or null.</summary>
    public static Constraint? GetConstraint(SamplingParams sampling) => sampling.ConstraintCase switch
    {
        SamplingParams.ConstraintOneofCase.JsonSchema => new Constraint(ConstraintKind.JsonSchema, sampling.JsonSchema, []),
        SamplingParams.ConstraintOneofCase.Regex => new Constraint(ConstraintKind.Regex, sampling.Regex, []),
        SamplingParams.ConstraintOneofCase.Grammar => new Constraint(ConstraintKind.Grammar, sampling.Grammar, []),
        SamplingParams.ConstraintOneofCase.StructuralTag => new Constraint(ConstraintKind.StructuralTag, sampling.StructuralTag, []),
        SamplingParams.ConstraintOneofCase.JsonObject => new Constraint(ConstraintKind.JsonObject, "", []),
        SamplingParams.ConstraintOneofCase.Choice => new Constraint(ConstraintKind.Choice, "", [.. sampling.Choice.Choices]),
        _ => null,
    };
}

/// <summary>
/// Sends the response of GetTokenizer: the model's files as a zip archive in slices, with the SHA-256 of the archive on the last one.
/// </summary>
internal static class TokenizerArchive
{
    public const int SliceLength = 65_536;

    // A fixed time makes the archive reproducible.
    private static readonly DateTimeOffset EntryTime = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static byte[] Zip(IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> files)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in files)
            {
                var entry = archive.CreateEntry(name, CompressionLevel.Optimal);
                entry.LastWriteTime = EntryTime;
                using var stream = entry.Open();
                stream.Write(bytes.Span);
            }
        }

        return buffer.ToArray();
    }

    /// <param name="call">The call to answer.</param>
    /// <param name="zip">The archive.</param>
    /// <param name="slice">Bytes per message.</param>
    /// <param name="checksum">The checksum to send, in hexadecimal; null computes it, empty leaves it out.</param>
    public static async Task SendAsync(GrpcCall call, byte[] zip, int slice = SliceLength, string? checksum = null)
    {
        checksum ??= Convert.ToHexStringLower(SHA256.HashData(zip));
        for (var start = 0; start < zip.Length; start += slice)
        {
            var length = Math.Min(slice, zip.Length - start);
            await call.WriteAsync(new GetTokenizerChunk
            {
                Data = UnsafeByteOperations.UnsafeWrap(zip.AsMemory(start, length)),
                Sha256 = start + length == zip.Length ? checksum : "",
            }).ConfigureAwait(false);
        }
    }
}

/// <summary>Derives a unit vector from token ids: equal prompts get equal vectors, and prompts with common tokens get similar ones.</summary>
internal static class DemoEmbedding
{
    public static float[] Of(ReadOnlySpan<int> prompt, int dimension)
    {
        var vector = new float[dimension];
        foreach (var id in prompt)
        {
            var bits = (ulong)(uint)id;
            for (var i = 0; i < dimension; i++)
            {
                bits = BitOperations.RotateLeft((bits * 0x9E3779B97F4A7C15UL) ^ (ulong)i, 29);
                vector[i] += ((bits >> 40) / (float)(1 << 24)) - 0.5f;
            }
        }

        var length = MathF.Sqrt(vector.Sum(value => value * value));
        for (var i = 0; i < dimension; i++)
        {
            vector[i] /= length;
        }

        return vector;
    }
}
