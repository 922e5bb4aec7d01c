namespace Connectors.Vllm.ChatTemplates;

/// <summary>A syntax error at an offset; parsing adds line and column and hands it out as <see cref="ChatTemplateException"/>.</summary>
internal sealed class TemplateSyntaxException(string message, int position) : Exception(message)
{
    public int Position { get; } = position;
}
