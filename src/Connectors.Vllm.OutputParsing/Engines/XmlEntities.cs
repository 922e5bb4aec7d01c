using System.Net;

namespace Connectors.Vllm.OutputParsing;

/// <summary>Decodes CDATA sections and entities.</summary>
internal static class XmlEntities
{
    private const string Open = "<![CDATA[";
    private const string Close = "]]>";

    /// <summary>The text a value stands for.</summary>
    public static string Decode(ReadOnlySpan<char> value)
    {
        var trimmed = value.Trim();
        return trimmed.StartsWith(Open, StringComparison.Ordinal) && trimmed.EndsWith(Close, StringComparison.Ordinal)
            ? trimmed[Open.Length..^Close.Length].ToString()
            : WebUtility.HtmlDecode(value.ToString());
    }
}
