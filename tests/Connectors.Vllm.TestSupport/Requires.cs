namespace Connectors.Vllm.TestSupport;

/// <summary>Declares what a test requires from the machine: if it is missing, the test is skipped with the reason, or fails if CI=true.</summary>
public static class Requires
{
    /// <summary>Whether the environment variable CI is "true", so that nothing may be missing.</summary>
    public static bool IsCI { get; } = string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Continues if <paramref name="available"/>; otherwise skips the test, or fails it in CI.</summary>
    public static void Available(bool available, string reason)
    {
        if (available)
        {
            return;
        }

        if (IsCI)
        {
            Assert.Fail($"CI must have everything: {reason}");
        }

        Assert.Skip(reason);
    }
}
