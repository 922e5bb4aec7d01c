using System.Globalization;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>
/// Whatever a file says, loading it, encoding and decoding end: with a result or with the documented exception, within a bounded amount of memory,
/// and no control token comes out of content.
/// </summary>
public sealed class HostileFileTests(ITestOutputHelper log)
{
    /// <summary>
    /// What five ways through a tokenizer may allocate for a text, garbage included: a text may make 4 MiB and 64 bytes a byte, in each of the
    /// buffers that a stage fills, and strings of it.
    /// </summary>
    private const long MostBytesOfAText = 1L << 30;

    private const int StreamedTokens = 200;

    private const int TextsOfAFile = 2;

    private static readonly int Files = Environment.GetEnvironmentVariable("VLLM_TEST_NIGHTLY") is "1" or "true" ? 1_000 : 60;

    [Fact]
    public void LoadEncodeDecode_HostileFiles_EndInTimeAndMemory()
    {
        var (loaded, refused, encoded, stopped) = (0, 0, 0, 0);
        var (worstTime, worstMemory) = (TimeSpan.Zero, 0L);
        for (var seed = 0; seed < Files; seed++)
        {
            var files = new HostileFiles(seed);
            var bytes = files.Next();
            VllmTokenizer tokenizer;
            try
            {
                tokenizer = VllmTokenizer.FromJson(bytes);
                loaded++;
            }
            catch (TokenizerException)
            {
                refused++;
                continue;
            }

            for (var i = 0; i < TextsOfAFile; i++)
            {
                var text = files.Text();
                var time = Environment.CpuUsage.TotalTime;
                var memory = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    Use(tokenizer, text, seed);
                    encoded++;
                }
                catch (TokenizerException)
                {
                    stopped++;
                }

                memory = GC.GetAllocatedBytesForCurrentThread() - memory;
                time = Environment.CpuUsage.TotalTime - time;
                Assert.True(memory < MostBytesOfAText, $"file {seed}: {memory} bytes for a text of {text.Length} characters");
                (worstTime, worstMemory) = (time > worstTime ? time : worstTime, Math.Max(memory, worstMemory));
            }
        }

        log.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Files} files: {loaded} loaded, {refused} refused; {encoded} texts answered, {stopped} stopped; "
            + $"worst {worstTime.TotalMilliseconds:F0} ms of processor time, {worstMemory >> 20} MiB allocated"));
        Assert.True(loaded > Files / 10 && encoded > Files / 10, "too few of the files can be used at all");
    }

    /// <summary>True when the token stands for what has none: a file may name any for that.</summary>
    private static bool IsUnknown(VllmTokenizer tokenizer, int id) =>
        id == tokenizer.TokenToId("<unk>") || tokenizer.EncodeOrdinary("\u0378").Contains(id);

    private static void Use(VllmTokenizer tokenizer, string text, int seed)
    {
        var ids = tokenizer.Encode(text);
        _ = tokenizer.Decode(ids);
        _ = tokenizer.DecodeWithStarts([.. ids.Take(StreamedTokens)]);
        _ = ((Microsoft.ML.Tokenizers.Tokenizer)tokenizer).EncodeToTokens(text, out _);
        var control = tokenizer.EncodeOrdinary(text).FirstOrDefault(tokenizer.IsControlToken, -1);
        Assert.True(control < 0 || IsUnknown(tokenizer, control), $"file {seed}: {control} ({tokenizer.IdToToken(control)}) in content");
    }
}
