namespace Microsoft.SemanticKernel.Services
{
    public interface IAIService
    {
        IReadOnlyDictionary<string, object?> Attributes { get; }
    }

    public static class AIServiceExtensions
    {
        public static string ModelIdKey => "ModelId";

        public static string EndpointKey => "Endpoint";
    }
}

namespace Microsoft.SemanticKernel.TextGeneration
{
    public interface ITextGenerationService : Services.IAIService
    {
        Task<IReadOnlyList<TextContent>> GetTextContentsAsync(
            string prompt, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default);

        IAsyncEnumerable<StreamingTextContent> GetStreamingTextContentsAsync(
            string prompt, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default);
    }
}

namespace Microsoft.SemanticKernel.ChatCompletion
{
    public interface IChatCompletionService : Services.IAIService
    {
        Task<IReadOnlyList<ChatMessageContent>> GetChatMessageContentsAsync(
            ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default);

        IAsyncEnumerable<StreamingChatMessageContent> GetStreamingChatMessageContentsAsync(
            ChatHistory chatHistory, PromptExecutionSettings? executionSettings = null, Kernel? kernel = null, CancellationToken cancellationToken = default);
    }

    public readonly struct AuthorRole(string label) : IEquatable<AuthorRole>
    {
        public static AuthorRole System { get; } = new("system");

        public static AuthorRole Assistant { get; } = new("assistant");

        public static AuthorRole User { get; } = new("user");

        public static AuthorRole Tool { get; } = new("tool");

        public static AuthorRole Developer { get; } = new("developer");

        public string Label { get; } = label;

        public static bool operator ==(AuthorRole left, AuthorRole right) => left.Equals(right);

        public static bool operator !=(AuthorRole left, AuthorRole right) => !left.Equals(right);

        public bool Equals(AuthorRole other) => string.Equals(Label, other.Label, StringComparison.OrdinalIgnoreCase);

        public override bool Equals(object? obj) => obj is AuthorRole other && Equals(other);

        public override int GetHashCode() => StringComparer.OrdinalIgnoreCase.GetHashCode(Label ?? string.Empty);

        public override string ToString() => Label;
    }

    public class ChatHistory : List<ChatMessageContent>
    {
        public ChatHistory()
        {
        }

        public ChatHistory(string systemMessage) => AddSystemMessage(systemMessage);

        public void AddMessage(AuthorRole authorRole, string content) => Add(new ChatMessageContent(authorRole, content));

        public void AddUserMessage(string content) => AddMessage(AuthorRole.User, content);

        public void AddAssistantMessage(string content) => AddMessage(AuthorRole.Assistant, content);

        public void AddSystemMessage(string content) => AddMessage(AuthorRole.System, content);
    }

    public class ChatMessageContentItemCollection : List<KernelContent>;

    public class StreamingKernelContentItemCollection : List<StreamingKernelContent>;
}
