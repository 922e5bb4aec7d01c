namespace Connectors.Vllm.OutputParsing;

/// <summary>Tells early that JSON at the start of an output is an answer, not a call, so that the answer can stream.</summary>
internal static class JsonAnswer
{
    /// <summary>True when the first key of the object is none a call has, or is <c>name</c> with a value that no declared tool has.</summary>
    public static bool IsCertain(ReadOnlySpan<char> json, ReaderContext context)
    {
        var rest = json[1..Math.Min(json.Length, 1024)].TrimStart();
        if (!TryString(ref rest, out var key))
        {
            return !rest.IsEmpty && rest[0] != '"';
        }

        if (key is not ("name" or "parameters" or "arguments" or "type" or "function" or "id"))
        {
            return true;
        }

        if (key is not "name" || rest.TrimStart() is not [':', .. var value])
        {
            return false;
        }

        value = value.TrimStart();
        return TryString(ref value, out var name) && !name.Contains('\\') && !context.MayBe(name.ToString());
    }

    private static bool TryString(ref ReadOnlySpan<char> text, out ReadOnlySpan<char> content)
    {
        content = default;
        if (text.IsEmpty || text[0] != '"')
        {
            return false;
        }

        // Keys and names are short; a longer string is decided by the complete object.
        var window = text[1..Math.Min(text.Length, 256)];
        var end = window.IndexOf('"');
        if (end < 0)
        {
            return false;
        }

        content = window[..end];
        text = text[(end + 2)..];
        return true;
    }
}
