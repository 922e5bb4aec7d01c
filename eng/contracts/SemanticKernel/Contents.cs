using System.Text;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Microsoft.SemanticKernel
{
    public abstract class KernelContent
    {
        protected KernelContent(object? innerContent, string? modelId = null, IReadOnlyDictionary<string, object?>? metadata = null)
        {
            InnerContent = innerContent;
            ModelId = modelId;
            Metadata = metadata;
        }

        public string? MimeType { get; set; }

        public object? InnerContent { get; set; }

        public string? ModelId { get; set; }

        public IReadOnlyDictionary<string, object?>? Metadata { get; set; }
    }

    public sealed class TextContent(
        string? text, string? modelId = null, object? innerContent = null, Encoding? encoding = null, IReadOnlyDictionary<string, object?>? metadata = null)
        : KernelContent(innerContent, modelId, metadata)
    {
        public string? Text { get; set; } = text;

        public Encoding Encoding { get; set; } = encoding ?? Encoding.UTF8;
    }

    public class ReasoningContent(string text = "") : KernelContent(null)
    {
        public string Text { get; set; } = text;
    }

    public class BinaryContent : KernelContent
    {
        public BinaryContent()
            : base(null)
        {
        }

        public BinaryContent(Uri uri)
            : base(null) => Uri = uri;

        public BinaryContent(ReadOnlyMemory<byte> data, string? mimeType)
            : base(null)
        {
            Data = data;
            MimeType = mimeType;
        }

        public Uri? Uri { get; set; }

        public ReadOnlyMemory<byte>? Data { get; set; }
    }

    public sealed class ImageContent : BinaryContent
    {
        public ImageContent(Uri uri)
            : base(uri)
        {
        }

        public ImageContent(ReadOnlyMemory<byte> data, string? mimeType)
            : base(data, mimeType)
        {
        }
    }

    public class FileReferenceContent(string fileId) : KernelContent(null)
    {
        public string FileId { get; } = fileId;
    }

    public sealed class FunctionCallContent(string functionName, string? pluginName = null, string? id = null, KernelArguments? arguments = null)
        : KernelContent(null)
    {
        public string? Id { get; } = id;

        public string? PluginName { get; } = pluginName;

        public string FunctionName { get; } = functionName;

        public KernelArguments? Arguments { get; } = arguments;

        public Exception? Exception { get; init; }
    }

    public sealed class FunctionResultContent(string? functionName = null, string? pluginName = null, string? callId = null, object? result = null)
        : KernelContent(null)
    {
        public string? CallId { get; } = callId;

        public string? PluginName { get; } = pluginName;

        public string? FunctionName { get; } = functionName;

        public object? Result { get; } = result;
    }

    public class KernelArguments : Dictionary<string, object?>
    {
        public KernelArguments()
            : base(StringComparer.OrdinalIgnoreCase)
        {
        }

        public KernelArguments(IDictionary<string, object?> source)
            : base(source, StringComparer.OrdinalIgnoreCase)
        {
        }
    }

    public class ChatMessageContent : KernelContent
    {
        public ChatMessageContent()
            : base(null)
        {
        }

        public ChatMessageContent(
            AuthorRole role,
            string? content,
            string? modelId = null,
            object? innerContent = null,
            Encoding? encoding = null,
            IReadOnlyDictionary<string, object?>? metadata = null)
            : base(innerContent, modelId, metadata)
        {
            Role = role;
            if (content is not null)
            {
                Items.Add(new TextContent(content, modelId, innerContent, encoding, metadata));
            }
        }

        public ChatMessageContent(
            AuthorRole role,
            ChatMessageContentItemCollection items,
            string? modelId = null,
            object? innerContent = null,
            Encoding? encoding = null,
            IReadOnlyDictionary<string, object?>? metadata = null)
            : base(innerContent, modelId, metadata)
        {
            Role = role;
            Items = items;
            Encoding = encoding ?? Encoding.UTF8;
        }

        public string? AuthorName { get; set; }

        public AuthorRole Role { get; set; }

        public Encoding Encoding { get; set; } = Encoding.UTF8;

        public string? Content => Items.OfType<TextContent>().FirstOrDefault()?.Text;

        public ChatMessageContentItemCollection Items { get; set; } = [];
    }
}
