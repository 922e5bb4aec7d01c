using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Samples.Chat;

/// <summary>Shows an answer while it arrives.</summary>
internal interface IAnswerWriter
{
    /// <summary>Shows one streamed update.</summary>
    void Write(ChatResponseUpdate update);

    /// <summary>Ends the model's turn; <paramref name="response"/> is all its updates in one.</summary>
    void Complete(ChatResponse response);

    /// <summary>The answer was cancelled or failed midway.</summary>
    void Abandon();
}
