using System.Text;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>One scripted answer as token ids with the text of each: the same answer for every dialect.</summary>
internal sealed class StreamScript
{
    private const string Sentence =
        "A streaming client reads one small message per token, turns ids into text, and hands it on before the next one arrives; " +
        "what it spends on each of them decides how many answers one machine can carry. ";

    private StreamScript(StreamShape shape, int[] ids, string[] pieces)
    {
        Shape = shape;
        Ids = ids;
        Pieces = pieces;
    }

    public StreamShape Shape { get; }

    public int[] Ids { get; }

    public string[] Pieces { get; }

    /// <summary>An answer of about <paramref name="tokens"/> tokens (exactly, for text and thinking).</summary>
    public static StreamScript Create(VllmTokenizer tokenizer, StreamShape shape, int tokens)
    {
        var prose = string.Concat(Enumerable.Repeat(Sentence, (tokens / 30) + 2));
        var ids = shape switch
        {
            StreamShape.Thinking => Cut(tokenizer.Encode("<think>\n" + prose), tokens - 16)
                .Concat(tokenizer.Encode("\n</think>\n\nIt is decided by the cost of a token.")).ToArray(),
            StreamShape.Tool => [
                .. tokenizer.Encode("<tool_call>\n{\"name\": \"save_note\", \"arguments\": {\"text\": \""),
                .. Cut(tokenizer.Encode(prose), tokens - 24),
                .. tokenizer.Encode("\"}}\n</tool_call>")],
            _ => Cut(tokenizer.Encode(prose), tokens),
        };
        var decoder = tokenizer.CreateStreamDecoder();
        return new StreamScript(shape, ids, [.. ids.Select(decoder.Push)]);
    }

    /// <summary>The text of the whole answer.</summary>
    public string Text => new StringBuilder().AppendJoin("", Pieces).ToString();

    private static int[] Cut(int[] ids, int count) => ids.Length <= count ? ids : ids[..count];
}
