using System.Text;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Microsoft.SemanticKernel
{
    public abstract class StreamingKernelContent
    {
        protected StreamingKernelContent(object? innerContent, int choiceIndex = 0, string? modelId = null, IReadOnlyDictionary<string, object?>? metadata = null)
        {
            InnerContent = innerContent;
            ChoiceIndex = choiceIndex;
            ModelId = modelId;
            Metadata = metadata;
        }

        public int ChoiceIndex { get; set; }

        public object? InnerContent { get; set; }

        public string? ModelId { get; set; }

        public IReadOnlyDictionary<string, object?>? Metadata { get; set; }

        public abstract byte[] ToByteArray();
    }

    public class StreamingTextContent(
        string? text,
        int choiceIndex = 0,
        string? modelId = null,
        object? innerContent = null,
        Encoding? encoding = null,
        IReadOnlyDictionary<string, object?>? metadata = null)
        : StreamingKernelContent(innerContent, choiceIndex, modelId, metadata)
    {
        public string? Text { get; set; } = text;

        public Encoding Encoding { get; set; } = encoding ?? Encoding.UTF8;

        public override byte[] ToByteArray() => Encoding.GetBytes(Text ?? string.Empty);

        public override string ToString() => Text ?? string.Empty;
    }

    public class StreamingReasoningContent(string? text, int choiceIndex = 0) : StreamingKernelContent(null, choiceIndex)
    {
        public string? Text { get; set; } = text;

        public override byte[] ToByteArray() => Encoding.UTF8.GetBytes(Text ?? string.Empty);

        public override string ToString() => Text ?? string.Empty;
    }

    public class StreamingFunctionCallUpdateContent(
        string? callId = null, string? name = null, string? arguments = null, int functionCallIndex = 0)
        : StreamingKernelContent(null)
    {
        public string? CallId { get; } = callId;

        public string? Name { get; } = name;

        public string? Arguments { get; } = arguments;

        public int FunctionCallIndex { get; } = functionCallIndex;

        public override byte[] ToByteArray() => Encoding.UTF8.GetBytes(Arguments ?? string.Empty);
    }

    public class StreamingChatMessageContent(
        AuthorRole? role,
        string? content,
        object? innerContent = null,
        int choiceIndex = 0,
        string? modelId = null,
        Encoding? encoding = null,
        IReadOnlyDictionary<string, object?>? metadata = null)
        : StreamingKernelContent(innerContent, choiceIndex, modelId, metadata)
    {
        public AuthorRole? Role { get; set; } = role;

        public Encoding Encoding { get; set; } = encoding ?? Encoding.UTF8;

        public StreamingKernelContentItemCollection Items { get; set; } =
            content is null ? [] : [new StreamingTextContent(content, choiceIndex, modelId, innerContent, encoding, metadata)];

        public string? Content => Items.OfType<StreamingTextContent>().FirstOrDefault()?.Text;

        public override byte[] ToByteArray() => Encoding.GetBytes(Content ?? string.Empty);

        public override string ToString() => Content ?? string.Empty;
    }
}
