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
    VllmModelProfile Profile, VllmGrpcOptions Settings, ChatOptions? Options, VllmExtras Extras, IChatClient? Client, ILogger Logger);
