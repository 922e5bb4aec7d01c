namespace Connectors.Vllm.TestSupport;

/// <summary>
/// Waits for a state that nothing signals, by looking again and again until the test is cancelled. How long it takes decides nothing.
/// </summary>
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
