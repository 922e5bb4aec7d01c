using System.Globalization;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>Reads back from chat options what the adapter itself must know.</summary>
internal static class VllmExecution
{
    public static int ChoiceCount(ChatOptions? options) =>
        options?.AdditionalProperties?.TryGetValue("n", out object? value) == true && value is not null
            ? Math.Max(1, Convert.ToInt32(value, CultureInfo.InvariantCulture))
            : 1;
}
