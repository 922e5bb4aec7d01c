namespace Connectors.Vllm.OutputParsing;

/// <summary>How calls with named parameters stand in XML-like tags.</summary>
internal sealed record XmlCallSyntax
{
    /// <summary>Element of one call.</summary>
    public required string Invoke { get; init; }

    /// <summary>Element of one parameter.</summary>
    public required string Parameter { get; init; }

    /// <summary>Elements around the calls; they may be missing.</summary>
    public IReadOnlyList<string> Outer { get; init; } = [];

    /// <summary>Text between the angle bracket (or slash) and every element's name; closers may lack it.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>True: <c>&lt;element=NAME&gt;</c>; false: <c>&lt;element name="NAME"&gt;</c>.</summary>
    public bool NameAfterEquals { get; init; }

    /// <summary>True removes one newline from each end of a value.</summary>
    public bool NewlineFraming { get; init; }

    /// <summary>True trims values.</summary>
    public bool Trims { get; init; }

    /// <summary>True decodes CDATA and the five entities of XML.</summary>
    public bool DecodesEntities { get; init; }

    /// <summary>How values get their types.</summary>
    public XmlTyping Typing { get; init; }

    /// <summary>True takes the one parameter <c>arguments</c> or <c>input</c> that holds all arguments apart.</summary>
    public bool Unwraps { get; init; }

    /// <summary>Plain texts that may stand before an invoke.</summary>
    public IReadOnlyList<string> Preambles { get; init; } = [];

    /// <summary>Plain texts that may stand behind an invoke.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];
}
