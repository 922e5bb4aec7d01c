namespace Connectors.Vllm.TestSupport;

/// <summary>Says what a test needs from the machine: it skips with the reason on a user's machine, and fails when CI=true.</summary>
public static class Requires
{
    /// <summary>True when the environment variable CI is "true": then nothing may be missing.</summary>
    public static bool IsCI { get; } = string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Goes on when <paramref name="available"/>; else skips the test, or fails it in CI.</summary>
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
