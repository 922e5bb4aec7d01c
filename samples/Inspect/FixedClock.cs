namespace Connectors.Vllm.Samples.Inspect;

/// <summary>A clock that stands still at a local time, so that templates with dates render the same every day.</summary>
internal sealed class FixedClock(DateTime local) : TimeProvider
{
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => new(DateTime.SpecifyKind(local, DateTimeKind.Unspecified), TimeSpan.Zero);
}
