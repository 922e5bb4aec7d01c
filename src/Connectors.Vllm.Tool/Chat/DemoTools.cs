using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Chat;

/// <summary>A tool the model may call: the current date and time. Written without reflection, so that it survives trimming.</summary>
internal sealed class ClockTool(TimeProvider clock) : AIFunction
{
    private static readonly JsonElement Schema = JsonDocument.Parse(
        """{"type":"object","properties":{"utc":{"type":"boolean","description":"true for UTC, false for local time"}}}""").RootElement;

    public override string Name => "get_current_time";

    public override string Description => "Returns the current date and time.";

    public override JsonElement JsonSchema => Schema;

    protected override ValueTask<object?> InvokeCoreAsync(AIFunctionArguments arguments, CancellationToken cancellationToken)
    {
        var utc = arguments.TryGetValue("utc", out var value) && value is true or JsonElement { ValueKind: JsonValueKind.True };
        var now = utc ? clock.GetUtcNow() : clock.GetLocalNow();
        return ValueTask.FromResult<object?>(now.ToString("dddd, d MMMM yyyy, HH:mm zzz", CultureInfo.InvariantCulture));
    }
}

/// <summary>A demonstration tool: rolls dice. Written without reflection, so that it survives trimming.</summary>
internal sealed class DiceTool : AIFunction
{
    private static readonly JsonElement Schema = JsonDocument.Parse(
        """{"type":"object","properties":{"sides":{"type":"integer","minimum":2,"maximum":1000},"count":{"type":"integer","minimum":1,"maximum":1"""
            + """00}},"required":["sides"]}""").RootElement;

    public override string Name => "roll_dice";

    public override string Description => "Rolls dice and returns the numbers.";

    public override JsonElement JsonSchema => Schema;

    protected override ValueTask<object?> InvokeCoreAsync(AIFunctionArguments arguments, CancellationToken cancellationToken)
    {
        var sides = Math.Clamp(Number(arguments, "sides", 6), 2, 1000);
        var count = Math.Clamp(Number(arguments, "count", 1), 1, 100);
        return ValueTask.FromResult<object?>(string.Join(", ", Enumerable.Range(0, count).Select(_ => Random.Shared.Next(1, sides + 1))));
    }

    private static int Number(AIFunctionArguments arguments, string name, int fallback) =>
        arguments.TryGetValue(name, out var value)
            && int.TryParse(Convert.ToString(value, CultureInfo.InvariantCulture), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            ? number
            : fallback;
}
