using System.Text.Encodings.Web;
using System.Text.Json;

namespace Connectors.Vllm.Testing.Model;

/// <summary>JSON strings as a model writes them: characters beyond ASCII stay readable.</summary>
internal static class JsonText
{
    public static string Quote(string text) => "\"" + JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping) + "\"";
}
