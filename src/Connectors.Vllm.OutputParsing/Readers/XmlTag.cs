using System.Net;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>One tag in the output; positions count from the block's start.</summary>
internal readonly ref struct XmlTag
{
    private const int MaxLength = 512;

    private XmlTag(XmlTagStatus status, ReadOnlySpan<char> element, int end)
    {
        Status = status;
        Element = element;
        End = end;
    }

    public XmlTagStatus Status { get; }

    public ReadOnlySpan<char> Element { get; }

    /// <summary>Position after the tag.</summary>
    public int End { get; }

    public bool Closes { get; init; }

    /// <summary>True for a tag that is opener and closer in one.</summary>
    public bool IsEmpty { get; init; }

    /// <summary>The name in the tag (of a function or parameter), trimmed.</summary>
    public ReadOnlySpan<char> Name { get; init; }

    /// <summary>The type of the value in the tag; null if there is none.</summary>
    public string? Type { get; init; }

    /// <summary>Reads the tag at a position that holds <c>&lt;</c>. Tolerates space inside; a closing tag may lack prefix and last bracket.</summary>
    public static XmlTag At(ReadOnlySpan<char> block, int start, XmlCallSyntax syntax, bool final)
    {
        var limit = Math.Min(block.Length, start + MaxLength);
        var text = block[..limit];
        var complete = final || limit < block.Length || block.Length - start >= MaxLength;
        var open = new XmlTag(complete ? XmlTagStatus.NoTag : XmlTagStatus.More, default, 0);
        var none = new XmlTag(XmlTagStatus.NoTag, default, 0);

        var bracket = Lookahead.Prefix(text[start..], syntax.Brackets, out var isCut);
        if (bracket == 0)
        {
            return isCut ? open : none;
        }

        var i = Lookahead.SkipAllSpace(text, start + bracket);
        if (i >= text.Length)
        {
            return open;
        }

        // Space may stand before the slash.
        var isSpaced = bracket == 1 && text[i] == '/';
        var closes = isSpaced || bracket == syntax.Brackets[1].Length;
        i = Lookahead.SkipAllSpace(text, i + (isSpaced ? 1 : 0));
        if (syntax.Prefix.Length > 0)
        {
            if (text[i..].StartsWith(syntax.Prefix, StringComparison.Ordinal) || StartsWithAsciiBars(text[i..], syntax.Prefix))
            {
                i = Lookahead.SkipAllSpace(text, i + syntax.Prefix.Length);
            }
            else if (syntax.Prefix.AsSpan().StartsWith(text[i..], StringComparison.Ordinal)
                || (text.Length - i < syntax.Prefix.Length && StartsWithAsciiBars(text[i..], syntax.Prefix[..(text.Length - i)])))
            {
                return open;
            }
            else if (!closes)
            {
                return none;
            }
        }

        var elementStart = i;
        while (i < text.Length && (char.IsAsciiLetterOrDigit(text[i]) || text[i] is '_' or ':' or '-'))
        {
            i++;
        }

        var element = text[elementStart..i];
        var isKnown = IsKnown(element, syntax, out var isBeginning);
        if (i == text.Length && !(complete && closes))
        {
            return isBeginning ? open : none;
        }

        if (!isKnown)
        {
            return none;
        }

        return closes ? Closer(text, i, element, syntax, complete, open)
            : !element.SequenceEqual(syntax.Invoke) && !element.SequenceEqual(syntax.Parameter) ? Wrapper(text, i, element, syntax, open, none)
            : syntax.NameAfterEquals ? AfterEquals(text, i, element, open, none)
            : Attributes(text, i, element, syntax, open, none);
    }

    private static XmlTag Closer(ReadOnlySpan<char> text, int i, ReadOnlySpan<char> element, XmlCallSyntax syntax, bool complete, XmlTag open)
    {
        var end = Lookahead.SkipAllSpace(text, i);
        var length = Lookahead.Prefix(text[end..], syntax.End, out var isCut);
        return length > 0 ? new XmlTag(XmlTagStatus.Tag, element, end + length) { Closes = true }
            : isCut && !complete && end - i < 8 ? open
            : new XmlTag(XmlTagStatus.Tag, element, i) { Closes = true };
    }

    /// <summary>A wrapper of calls, which may lack its bracket before the tag that follows.</summary>
    private static XmlTag Wrapper(ReadOnlySpan<char> text, int i, ReadOnlySpan<char> element, XmlCallSyntax syntax, XmlTag open, XmlTag none)
    {
        var end = Lookahead.SkipAllSpace(text, i);
        var isEmpty = text[end..] is ['/', ..];
        end += isEmpty ? 1 : 0;
        var length = Lookahead.Prefix(text[end..], syntax.End, out var isCut);
        return length > 0 ? new XmlTag(XmlTagStatus.Tag, element, end + length) { Closes = isEmpty }
            : isCut ? open
            : text[end] == '<' && !isEmpty ? new XmlTag(XmlTagStatus.Tag, element, i)
            : none;
    }

    private static XmlTag AfterEquals(ReadOnlySpan<char> text, int i, ReadOnlySpan<char> element, XmlTag open, XmlTag none)
    {
        i = Lookahead.SkipAllSpace(text, i);
        if (i == text.Length)
        {
            return open;
        }

        if (text[i] != '=')
        {
            return none;
        }

        var rest = text[(i + 1)..];
        var length = rest.IndexOfAny('>', '<', '\n');
        if (length < 0)
        {
            return open;
        }

        var name = rest[..length].Trim();
        var isEmpty = rest[length] == '>' && name.EndsWith("/");
        name = isEmpty ? name[..^1].TrimEnd() : name;
        name = name is ['"' or '\'', _, ..] && name[^1] == name[0] ? name[1..^1].Trim() : name;
        var end = i + 1 + length;
        if (name.IsEmpty || rest[length] == '\n')
        {
            return none;
        }

        // A name that is ended by the closing tag of its element is complete.
        return rest[length] == '>' ? new XmlTag(XmlTagStatus.Tag, element, end + 1) { Name = name, IsEmpty = isEmpty }
            : rest[length..] is ['<', '/', ..] ? new XmlTag(XmlTagStatus.Tag, element, end) { Name = name }
            : rest.Length == length + 1 ? open : none;
    }

    private static XmlTag Attributes(ReadOnlySpan<char> text, int i, ReadOnlySpan<char> element, XmlCallSyntax syntax, XmlTag open, XmlTag none)
    {
        ReadOnlySpan<char> name = default;
        string? type = null;
        var isEmpty = false;
        while (true)
        {
            i = Lookahead.SkipAllSpace(text, i);
            var end = Lookahead.Prefix(text[i..], syntax.End, out var isCut);
            if (end == 0 && isCut)
            {
                return open;
            }

            if (end > 0)
            {
                return name.IsEmpty ? none : new XmlTag(XmlTagStatus.Tag, element, i + end) { Name = name, Type = type, IsEmpty = isEmpty };
            }

            isEmpty = text[i] == '/';
            if (isEmpty)
            {
                i++;
                continue;
            }

            var keyStart = i;
            while (i < text.Length && (char.IsAsciiLetterOrDigit(text[i]) || text[i] is '_' or '-'))
            {
                i++;
            }

            var key = text[keyStart..i];
            i = Lookahead.SkipAllSpace(text, i);
            if (i == text.Length)
            {
                return open;
            }

            if (key.IsEmpty || text[i] != '=')
            {
                return none;
            }

            i = Lookahead.SkipAllSpace(text, i + 1);
            if (i == text.Length)
            {
                return open;
            }

            var quote = text[i] is '"' or '\'' ? text[i] : '\0';
            var rest = text[(quote == '\0' ? i : i + 1)..];
            var length = quote == '\0' ? rest.IndexOfAny(" <>\n\t") : rest.IndexOf(quote);
            if (length < 0)
            {
                return open;
            }

            var value = rest[..length];
            i += length + (quote == '\0' ? 0 : 2);
            if (key is "name" or "tool" or "key")
            {
                name = value.Trim();
            }
            else if (key.SequenceEqual(syntax.TypeAttribute))
            {
                type = value.ToString();
            }
        }
    }

    private static bool IsKnown(ReadOnlySpan<char> element, XmlCallSyntax syntax, out bool isBeginning)
    {
        var isKnown = Lookahead.Prefix(element, syntax.Outer, out isBeginning) == element.Length && element.Length > 0;
        foreach (var name in (ReadOnlySpan<string>)[syntax.Invoke, syntax.Parameter])
        {
            isKnown |= element.SequenceEqual(name);
            isBeginning |= name.AsSpan().StartsWith(element, StringComparison.Ordinal);
        }

        isBeginning |= isKnown;
        return isKnown;
    }

    // Some outputs spell the full-width bars of a prefix as ASCII.
    private static bool StartsWithAsciiBars(ReadOnlySpan<char> text, string prefix)
    {
        if (text.Length < prefix.Length || text[0] != '|')
        {
            return false;
        }

        for (var i = 0; i < prefix.Length; i++)
        {
            if (text[i] != (prefix[i] == '｜' ? '|' : prefix[i]))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>What an angle bracket begins.</summary>
internal enum XmlTagStatus
{
    NoTag,
    More,
    Tag,
}

/// <summary>How calls with named parameters stand in XML-like tags.</summary>
internal sealed record XmlCallSyntax
{
    /// <summary>Element of one call.</summary>
    public required string Invoke { get; init; }

    /// <summary>Element of one parameter.</summary>
    public required string Parameter { get; init; }

    /// <summary>What an opening and a closing tag begin with; by default an angle bracket, after which a slash closes.</summary>
    public string[] Brackets { get; init; } = ["<", "</"];

    /// <summary>What a tag ends with.</summary>
    public string[] End { get; init; } = [">"];

    /// <summary>The attribute with the type of a value.</summary>
    public string TypeAttribute { get; init; } = "string";

    /// <summary>Elements around the calls; they may be missing.</summary>
    public IReadOnlyList<string> Outer { get; init; } = [];

    /// <summary>Text between the angle bracket (or slash) and every element's name; closers may lack it.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>True: <c>&lt;element=NAME&gt;</c>; false: <c>&lt;element name="NAME"&gt;</c>.</summary>
    public bool NameAfterEquals { get; init; }

    /// <summary>True removes one newline from each end of a value.</summary>
    public bool NewlineFraming { get; init; }

    /// <summary>True decodes CDATA and the five entities of XML.</summary>
    public bool DecodesEntities { get; init; }

    /// <summary>True: tags are control tokens, so that none is missing, and each inside a value is quoted by it; their names have entities.</summary>
    public bool HasControlTags { get; init; }

    /// <summary>How values get their types.</summary>
    public XmlTyping Typing { get; init; }

    /// <summary>True takes the one parameter <c>arguments</c> or <c>input</c> that holds all arguments apart.</summary>
    public bool Unwraps { get; init; }

    /// <summary>Plain texts that may stand before an invoke.</summary>
    public IReadOnlyList<string> Preambles { get; init; } = [];

    /// <summary>Plain texts that may stand after an invoke.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];
}

/// <summary>How the values of an XML-like format get their types.</summary>
internal enum XmlTyping
{
    /// <summary>By the tool's schema; strings if it specifies no type.</summary>
    Schema,

    /// <summary>By the tool's schema; valid JSON if it specifies no type.</summary>
    SchemaThenJson,

    /// <summary>By the attribute <c>string="true|false"</c>, else as <see cref="SchemaThenJson"/>.</summary>
    StringAttribute,

    /// <summary>By an attribute with the type's name; strings where it is missing.</summary>
    TypeAttribute,

    /// <summary>Always strings.</summary>
    Text,
}

/// <summary>Decodes CDATA sections and entities.</summary>
internal static class XmlEntities
{
    private const string Open = "<![CDATA[";
    private const string Close = "]]>";

    /// <summary>Gets the text that a value represents.</summary>
    public static string Decode(ReadOnlySpan<char> value)
    {
        var trimmed = value.Trim();
        return trimmed.StartsWith(Open, StringComparison.Ordinal) && trimmed.EndsWith(Close, StringComparison.Ordinal)
            ? trimmed[Open.Length..^Close.Length].ToString()
            : WebUtility.HtmlDecode(value.ToString());
    }
}
