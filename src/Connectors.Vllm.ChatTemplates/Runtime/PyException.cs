namespace Connectors.Vllm.ChatTemplates;

/// <summary>A runtime error inside a template; the render adds the place and hands it out as <see cref="ChatTemplateException"/>.</summary>
internal sealed class PyException(string message) : Exception(message);
