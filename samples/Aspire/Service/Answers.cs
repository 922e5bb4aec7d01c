using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Aspire.Service;

/// <summary>Answers of the model, which may ask for the time.</summary>
internal static class Answers
{
    private static readonly ChatOptions Options = new()
    {
        Tools = [AIFunctionFactory.Create(GetTime, "get_time", "The time of day.")],
    };

    public static async IAsyncEnumerable<string> StreamAsync(
        IChatClient client, string question, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var update in client.GetStreamingResponseAsync(question, Options, cancellationToken))
        {
            if (update.Text.Length > 0)
            {
                yield return update.Text;
            }
        }
    }

    private static string GetTime() => DateTimeOffset.Now.ToString("t", CultureInfo.InvariantCulture);
}
