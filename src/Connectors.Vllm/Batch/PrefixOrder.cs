using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Batch;

/// <summary>
/// Reads a window of requests and yields them in the order of their text. Requests with a common prefix then follow each other, and vLLM keeps the
/// prefix in its prefix cache.
/// </summary>
internal static class PrefixOrder
{
    public static async IAsyncEnumerable<(ChatBatchRequest Request, long Index)> ReadAsync(
        IAsyncEnumerable<ChatBatchRequest> requests, int window, Func<ValueTask> onRead, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var index = 0L;
        var read = new List<(ChatBatchRequest Request, long Index)>();
        await foreach (var request in requests.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            await onRead().ConfigureAwait(false);
            read.Add((request, index++));
            if (read.Count == window)
            {
                foreach (var item in Order(read))
                {
                    yield return item;
                }

                read.Clear();
            }
        }

        foreach (var item in Order(read))
        {
            yield return item;
        }
    }

    private static List<(ChatBatchRequest Request, long Index)> Order(List<(ChatBatchRequest Request, long Index)> items)
    {
        if (items.Count > 1)
        {
            items.Sort(
                static (left, right) => Compare(left.Request, right.Request) is var order and not 0 ? order : left.Index.CompareTo(right.Index));
        }

        return items;
    }

    private static int Compare(ChatBatchRequest left, ChatBatchRequest right)
    {
        var common = Math.Min(left.Messages.Count, right.Messages.Count);
        for (var i = 0; i < common; i++)
        {
            var order = Compare(left.Messages[i], right.Messages[i]);
            if (order != 0)
            {
                return order;
            }
        }

        return left.Messages.Count.CompareTo(right.Messages.Count);
    }

    private static int Compare(ChatMessage left, ChatMessage right)
    {
        if (ReferenceEquals(left, right))
        {
            return 0;
        }

        var order = string.CompareOrdinal(left.Role.Value, right.Role.Value);
        return order != 0 ? order : string.CompareOrdinal(left.Text, right.Text);
    }
}
