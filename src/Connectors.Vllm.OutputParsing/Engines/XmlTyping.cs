namespace Connectors.Vllm.OutputParsing;

/// <summary>How the values of an XML-like format get their types.</summary>
internal enum XmlTyping
{
    /// <summary>By the tool's schema; strings where it says nothing.</summary>
    Schema,

    /// <summary>By the tool's schema; JSON that parses where it says nothing.</summary>
    SchemaThenJson,

    /// <summary>By the attribute <c>string="true|false"</c>, else as <see cref="SchemaThenJson"/>.</summary>
    StringAttribute,

    /// <summary>Always strings.</summary>
    Text,
}
