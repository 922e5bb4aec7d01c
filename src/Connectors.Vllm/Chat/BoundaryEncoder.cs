using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>Encodes a prompt piece by piece between its boundaries, so that no token runs across one. Most prompts have none and are one piece.</summary>
internal static class BoundaryEncoder
{
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="text">The prompt.</param>
    /// <param name="content">Ranges in which no control token is recognised, in UTF-16 units; sorted, not overlapping.</param>
    /// <param name="boundaries">Offsets in UTF-16 units; rising, inside the text.</param>
    /// <param name="allowedInContent">Ids of added tokens that are recognised in content all the same.</param>
    /// <param name="cancellationToken">Ends the work on a long text.</param>
    public static int[] Encode(
        VllmTokenizer tokenizer,
        string text,
        IReadOnlyList<Range> content,
        IReadOnlyList<int> boundaries,
        ReadOnlySpan<int> allowedInContent,
        CancellationToken cancellationToken = default)
    {
        if (boundaries.Count == 0)
        {
            return tokenizer.Encode(text, AsSpan(content), allowedInContent, cancellationToken: cancellationToken);
        }

        var ids = new List<int>();
        var inside = new List<Range>();
        var range = 0;
        var start = 0;
        foreach (var end in boundaries.Append(text.Length))
        {
            inside.Clear();
            for (; range < content.Count; range++)
            {
                (var offset, var length) = content[range].GetOffsetAndLength(text.Length);
                if (offset >= end)
                {
                    break;
                }

                inside.Add((Math.Max(offset, start) - start)..(Math.Min(offset + length, end) - start));
                if (offset + length > end)
                {
                    break; // It goes on behind the boundary.
                }
            }

            ids.AddRange(
                tokenizer.Encode(
                    text.AsSpan(start, end - start), CollectionsMarshal.AsSpan(inside), allowedInContent, cancellationToken: cancellationToken));
            start = end;
        }

        return [.. ids];
    }

    private static ReadOnlySpan<Range> AsSpan(IReadOnlyList<Range> content) => content switch
    {
        Range[] array => array,
        List<Range> list => CollectionsMarshal.AsSpan(list),
        _ => content.ToArray(),
    };
}
