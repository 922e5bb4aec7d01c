using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Interop.Tests;

internal static class Generations
{
    /// <summary>Runs a generation to its end.</summary>
    public static async Task<(List<int> Ids, GenerationFinish Finish, int? PromptTokens)> CollectAsync(
        this IVllmEngine engine, GenerationRequest request, CancellationToken cancellationToken)
    {
        var ids = new List<int>();
        GenerationFinish? finish = null;
        int? prompt = null;
        await foreach (var update in engine.GenerateAsync(request, cancellationToken))
        {
            ids.AddRange(update.TokenIds.Span);
            finish = update.Finish ?? finish;
            prompt = update.PromptTokens ?? prompt;
        }

        Assert.NotNull(finish);
        return (ids, finish, prompt);
    }
}
