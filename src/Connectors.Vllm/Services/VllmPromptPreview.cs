using System.Runtime.InteropServices;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging.Abstractions;
using OutputConstraint = Connectors.Vllm.Grpc.OutputConstraint;

namespace Connectors.Vllm;

/// <summary>
/// The prompt and parameters that a request would send to the server; see <see cref="VllmChatClient.PreviewPromptAsync"/>. Immutable.
/// </summary>
public sealed class VllmPromptPreview
{
    private VllmPromptPreview(PreparedChat chat, VllmModelProfile profile)
    {
        Text = chat.Prompt;
        Content = chat.Content;
        Request = chat.Request.WithTruncatedPrompt();
        TokenIds = MemoryMarshal.TryGetArray(Request.PromptIds, out var ids) ? ids : Request.PromptIds.ToArray();
        StopTokenIds = profile.StopTokenIds;
        Format = chat.Format;
    }

    /// <summary>The rendered prompt.</summary>
    public string Text { get; }

    /// <summary>
    /// The ranges of <see cref="Text"/> that come from message content, in UTF-16 code units. Control tokens are not recognized in them.
    /// </summary>
    public IReadOnlyList<Range> Content { get; }

    /// <summary>The prompt's token ids, as they would be sent.</summary>
    public IReadOnlyList<int> TokenIds { get; }

    /// <summary>All token ids that end the answer.</summary>
    public IReadOnlyList<int> StopTokenIds { get; }

    /// <summary>The constraint that would be sent; <see langword="null"/> if there is none.</summary>
    public OutputConstraint? Constraint => Request.Constraint;

    /// <summary>How the answer would be parsed, and why.</summary>
    public OutputFormat Format { get; }

    /// <summary>The whole request as it would be passed to the engine.</summary>
    public GenerationRequest Request { get; }

    /// <summary>Renders and tokenizes a request as a client would, without a server.</summary>
    /// <param name="profile">The model, for example from <see cref="VllmModelProfile.FromDirectoryAsync"/>.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">The request's options.</param>
    /// <returns>The prompt with its parameters.</returns>
    /// <exception cref="VllmRequestException">The template refuses the conversation.</exception>
    public static VllmPromptPreview Create(VllmModelProfile profile, IEnumerable<ChatMessage> messages, ChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(profile);
        ArgumentNullException.ThrowIfNull(messages);
        return Of(new ChatPipeline(profile, profile.Options, NullLogger.Instance).Prepare(new ChatRequest([.. messages], null, options, null)),
            profile);
    }

    internal static VllmPromptPreview Of(PreparedChat chat, VllmModelProfile profile) => new(chat, profile);
}
