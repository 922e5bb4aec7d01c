namespace Connectors.Vllm.TestSupport;

/// <summary>Polls for a state without a signal until the test is cancelled. The result does not depend on the duration.</summary>
public static class Eventually
{
    /// <summary>Returns when <paramref name="condition"/> holds.</summary>
    public static async Task IsTrueAsync(Func<bool> condition, CancellationToken cancellationToken)
    {
        while (!condition())
        {
            await Task.Delay(1, cancellationToken);
        }
    }
}
