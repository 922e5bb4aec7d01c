namespace Connectors.Vllm.ChatTemplates;

/// <summary>A string of which only parts are marked, behind a <see cref="Value"/>; strings that are wholly marked or not at all need no such object.</summary>
internal sealed class PyText(Str text) : PyObject
{
    public Str Text { get; } = text;

    public override ValueKind Kind => ValueKind.String;

    public override string TypeName => Text.IsMarkup ? "Markup" : "str";
}
