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

    public override string Description => "Tells the current date and time.";

    public override JsonElement JsonSchema => Schema;

    protected override ValueTask<object?> InvokeCoreAsync(AIFunctionArguments arguments, CancellationToken cancellationToken)
    {
        var utc = arguments.TryGetValue("utc", out var value) && value is true or JsonElement { ValueKind: JsonValueKind.True };
        var now = utc ? clock.GetUtcNow() : clock.GetLocalNow();
        return ValueTask.FromResult<object?>(now.ToString("dddd, d MMMM yyyy, HH:mm zzz", CultureInfo.InvariantCulture));
    }
}
