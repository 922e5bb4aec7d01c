using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.ReflectionFreeApp;

/// <summary>A tool written by hand, as an application without reflection needs it.</summary>
internal sealed class WeatherTool : AIFunction
{
    private static readonly JsonElement Schema = JsonDocument.Parse(
        """{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}""").RootElement.Clone();

    public static string? Asked { get; private set; }

    public override string Name => "get_weather";

    public override string Description => "Tells the weather of a city.";

    public override JsonElement JsonSchema => Schema;

    protected override ValueTask<object?> InvokeCoreAsync(AIFunctionArguments arguments, CancellationToken cancellationToken)
    {
        Asked = $"{arguments["city"]}, {arguments["days"]}";
        return ValueTask.FromResult<object?>("sunny");
    }
}
