using System.Text;
using System.Text.Json;
using Microsoft.ML.Tokenizers;
using TokenizerOptions = Connectors.Vllm.Tokenizers.TokenizerOptions;
using VllmTokenizer = Connectors.Vllm.Tokenizers.VllmTokenizer;

namespace Connectors.Vllm.Benchmarks.Tokenize;

/// <summary>
/// One tokenizer on one text: encode (whole, in 4 KB pieces, cold, and from the segment cache), decode, streaming decode, load time and
/// memory. The segment cache is off except where it is the thing measured. Beside it Microsoft.ML.Tokenizers with the same vocabulary, where it
/// can hold it.
/// </summary>
internal sealed class TokenizeBenchmark : IBenchmark
{
    private const int PieceLength = 4096;

    private static readonly TokenizerOptions NoCache = new() { SegmentCacheCapacity = 0 };

    public string Name => "tokenize";

    public string Summary => "encode and decode speed of a tokenizer: --tokenizer DIR --text FILE [--rounds 5]";

    public Task<int> RunAsync(BenchmarkArguments arguments)
    {
        var directory = arguments.Required("tokenizer");
        var path = arguments.Required("text");
        var rounds = arguments.Number("rounds", 5);

        // Bytes, not ReadAllText: a byte order mark is text.
        var bytes = File.ReadAllBytes(path);
        var text = Encoding.UTF8.GetString(bytes);
        var megabytes = bytes.Length / 1e6;
        var pieces = Cut(text);

        var before = GC.GetTotalMemory(forceFullCollection: true);
        VllmTokenizer tokenizer = null!;
        var firstLoad = Time(() => tokenizer = VllmTokenizer.FromDirectory(directory, NoCache));
        var keptLoaded = GC.GetTotalMemory(forceFullCollection: true) - before;

        Console.Error.WriteLine($"{directory}: warming up");
        WarmUp.Run(() => tokenizer.Encode(text));
        var ids = tokenizer.Encode(text);
        var whole = Median(rounds, () => tokenizer.Encode(text));
        WarmUp.Run(() => EncodePieces(tokenizer, pieces));
        var inPieces = Median(rounds, () => EncodePieces(tokenizer, pieces));
        var keptUsed = GC.GetTotalMemory(forceFullCollection: true) - before - (4L * ids.Length);

        var load = double.MaxValue;
        var cold = new List<double>();
        for (var i = 0; i < rounds; i++)
        {
            VllmTokenizer? fresh = null;
            load = Math.Min(load, Time(() => fresh = VllmTokenizer.FromDirectory(directory, NoCache)));
            cold.Add(Time(() => EncodePieces(fresh!, pieces)));
        }

        var cached = VllmTokenizer.FromDirectory(directory);
        _ = EncodePieces(cached, pieces);
        WarmUp.Run(() => EncodePieces(cached, pieces));
        var fromCache = Median(rounds, () => EncodePieces(cached, pieces));

        WarmUp.Run(() => EncodeToTokens(tokenizer, pieces));
        var located = Median(rounds, () => EncodeToTokens(tokenizer, pieces));
        WarmUp.Run(() => EncodeToIds(tokenizer, pieces));
        var plain = Median(rounds, () => EncodeToIds(tokenizer, pieces));

        WarmUp.Run(() => tokenizer.Decode(ids));
        var decode = Median(rounds, () => tokenizer.Decode(ids));
        WarmUp.Run(() => Stream(tokenizer, ids));
        var stream = Median(rounds, () => Stream(tokenizer, ids));
        var (allocated, characters) = StreamAllocation(tokenizer, ids);

        var rival = MicrosoftTokenizer.TryCreate(tokenizer, directory) is { } microsoft ? Rival.Measure(microsoft, text, pieces, rounds) : null;

        Print(writer =>
        {
            writer.WriteString("tokenizer", directory);
            writer.WriteString("text", Path.GetFileName(path));
            writer.WriteString("clock", "processor time");
            writer.WriteNumber("text_bytes", bytes.Length);
            writer.WriteNumber("tokens", ids.Length);
            Number(writer, "encode_whole_mb_per_s", megabytes / whole * 1e3);
            Number(writer, "encode_4kb_mb_per_s", megabytes / inPieces * 1e3);
            Number(writer, "encode_cold_mb_per_s", megabytes / cold.Order().ElementAt(rounds / 2) * 1e3);
            Number(writer, "encode_cached_mb_per_s", megabytes / fromCache * 1e3);
            Number(writer, "encode_to_ids_mb_per_s", megabytes / plain * 1e3);
            Number(writer, "encode_to_tokens_mb_per_s", megabytes / located * 1e3);
            Number(writer, "encode_to_tokens_cost_over_ids", located / plain);
            Number(writer, "decode_tokens_per_s", ids.Length / decode * 1e3);
            Number(writer, "stream_decode_ns_per_token", stream * 1e6 / ids.Length);
            Number(writer, "stream_decode_bytes_per_token", (double)allocated / ids.Length);
            Number(writer, "stream_decode_chars_per_token", (double)characters / ids.Length);
            Number(writer, "load_first_ms", firstLoad);
            Number(writer, "load_ms", load);
            writer.WriteNumber("kept_loaded_bytes", keptLoaded);
            writer.WriteNumber("kept_used_bytes", keptUsed);
            if (rival is not null)
            {
                writer.WriteNumber("ml_tokens", rival.Tokens);
                Number(writer, "ml_encode_whole_mb_per_s", megabytes / rival.Whole * 1e3);
                Number(writer, "ml_encode_4kb_mb_per_s", megabytes / rival.Pieces * 1e3);
                Number(writer, "ml_decode_tokens_per_s", rival.Tokens / rival.Decode * 1e3);
                Number(writer, "ml_encode_whole_ratio", rival.Whole / whole);
                Number(writer, "ml_encode_4kb_ratio", rival.Pieces / inPieces);
                Number(writer, "ml_decode_ratio", rival.Decode / rival.Tokens / (decode / ids.Length));
            }
        });
        return Task.FromResult(0);
    }

    private static int EncodePieces(VllmTokenizer tokenizer, List<string> pieces)
    {
        var count = 0;
        foreach (var piece in pieces)
        {
            count += tokenizer.Encode(piece).Length;
        }

        return count;
    }

    private static void EncodeToIds(Tokenizer tokenizer, List<string> pieces)
    {
        foreach (var piece in pieces)
        {
            _ = tokenizer.EncodeToIds(piece);
        }
    }

    private static void EncodeToTokens(Tokenizer tokenizer, List<string> pieces)
    {
        foreach (var piece in pieces)
        {
            _ = tokenizer.EncodeToTokens(piece, out _);
        }
    }

    private static long Stream(VllmTokenizer tokenizer, int[] ids)
    {
        var decoder = tokenizer.CreateStreamDecoder();
        var length = 0L;
        foreach (var id in ids)
        {
            length += decoder.Push(id).Length;
        }

        return length + decoder.Flush().Length;
    }

    /// <summary>Bytes allocated by a second pass (the first makes the strings that are remembered), and the characters it gave.</summary>
    private static (long Bytes, long Characters) StreamAllocation(VllmTokenizer tokenizer, int[] ids)
    {
        _ = Stream(tokenizer, ids);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var characters = Stream(tokenizer, ids);
        return (GC.GetAllocatedBytesForCurrentThread() - before, characters);
    }

    private static List<string> Cut(string text)
    {
        var pieces = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var end = Math.Min(start + PieceLength, text.Length);
            end += end < text.Length && char.IsLowSurrogate(text[end]) ? 1 : 0;
            pieces.Add(text[start..end]);
            start = end;
        }

        return pieces;
    }

    private static double Median(int rounds, Action action) =>
        Enumerable.Range(0, rounds).Select(_ => Time(action)).Order().ElementAt(rounds / 2);

    /// <summary>
    /// Processor time in milliseconds, all threads: on a machine shared with others the clock on the wall measures the others. Work that
    /// other threads of the process do (garbage collection, compilation) counts too, so this never flatters.
    /// </summary>
    private static double Time(Action action)
    {
        var before = Environment.CpuUsage.TotalTime;
        action();
        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
    }

    private static void Number(Utf8JsonWriter writer, string name, double value) => writer.WriteNumber(name, Math.Round(value, 2));

    private static void Print(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        Console.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }

    /// <summary>What Microsoft.ML.Tokenizers takes for the same, in milliseconds.</summary>
    private sealed record Rival(int Tokens, double Whole, double Pieces, double Decode)
    {
        public static Rival Measure(TiktokenTokenizer tokenizer, string text, List<string> pieces, int rounds)
        {
            void InPieces()
            {
                foreach (var piece in pieces)
                {
                    _ = tokenizer.EncodeToIds(piece);
                }
            }

            WarmUp.Run(() => tokenizer.EncodeToIds(text));
            var ids = tokenizer.EncodeToIds(text);
            var whole = Median(rounds, () => tokenizer.EncodeToIds(text));
            WarmUp.Run(InPieces);
            var inPieces = Median(rounds, InPieces);
            WarmUp.Run(() => EncodeToTokens(tokenizer, pieces));
        var located = Median(rounds, () => EncodeToTokens(tokenizer, pieces));
        WarmUp.Run(() => EncodeToIds(tokenizer, pieces));
        var plain = Median(rounds, () => EncodeToIds(tokenizer, pieces));

        WarmUp.Run(() => tokenizer.Decode(ids));
            return new Rival(ids.Count, whole, inPieces, Median(rounds, () => tokenizer.Decode(ids)));
        }
    }
}
