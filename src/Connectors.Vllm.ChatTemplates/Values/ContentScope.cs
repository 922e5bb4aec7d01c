namespace Connectors.Vllm.ChatTemplates;

/// <summary>Where in the input a value lies, which decides which of its strings count as message content.</summary>
internal enum ContentScope : byte
{
    /// <summary>Not message content: tools, kwargs, special tokens.</summary>
    Trusted,

    /// <summary>The list of messages.</summary>
    Messages,

    /// <summary>A list of parts or tool calls, and their items: values count, keys do not; a plain word under <c>type</c> or <c>role</c> is structure.</summary>
    Structure,

    /// <summary>Anything deeper: keys and values count.</summary>
    Content,
}
