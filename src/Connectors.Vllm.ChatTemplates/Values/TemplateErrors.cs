namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>A runtime error inside a template; the render adds the place and hands it out as <see cref="ChatTemplateException"/>.</summary>
internal sealed class PyException(string message) : Exception(message);

/// <summary>A syntax error at an offset; parsing adds line and column and hands it out as <see cref="ChatTemplateException"/>.</summary>
internal sealed class TemplateSyntaxException(string message, int position) : Exception(message)
{
    public int Position { get; } = position;
}
