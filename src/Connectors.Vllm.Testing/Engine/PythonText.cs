using System.Globalization;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>Numbers as Python prints them in error texts.</summary>
internal static class PythonText
{
    /// <summary>A wire float as a Python float: 2 reads <c>2.0</c>, 0.1f reads <c>0.10000000149011612</c>.</summary>
    public static string Of(float value)
    {
        var text = ((double)value).ToString("R", CultureInfo.InvariantCulture);
        return text.Contains('.') || text.Contains('E') || !float.IsFinite(value) ? text : text + ".0";
    }

    public static string List(IEnumerable<int> values) => "[" + string.Join(", ", values) + "]";
}
