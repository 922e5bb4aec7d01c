using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>One request on its way to the engine: what was asked, and the model and settings it is made for.</summary>
/// <param name="Profile">The served model.</param>
/// <param name="Settings">The client's options.</param>
/// <param name="Options">The caller's options.</param>
/// <param name="Extras">vLLM's own parameters among them.</param>
/// <param name="Client">The client that was asked; null for a preview.</param>
/// <param name="Logger">The client's log.</param>
internal sealed record ChatContext(
    VllmModelProfile Profile, VllmGrpcOptions Settings, ChatOptions? Options, VllmExtras Extras, IChatClient? Client, ILogger Logger)
{
    /// <summary>The tools, as the template and the parser see them.</summary>
    public RequestTools Tools { get; init; } = RequestTools.None;

    /// <summary>What the answer must look like.</summary>
    public required AnswerRequest Answer { get; init; }

    /// <summary>What the template is told besides messages and tools.</summary>
    public TemplateVariables Variables { get; init; } = new([], null);

    /// <summary>The loaded LoRA adapter that <see cref="ChatOptions.ModelId"/> names; null when it names none.</summary>
    public string? Adapter { get; init; }
}
