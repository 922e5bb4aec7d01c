using Google.Protobuf;

namespace Connectors.Vllm.Testing;

/// <summary>A call that the server received, as it arrived. Thread-safe; the tasks complete while the call runs.</summary>
public sealed class CapturedRequest
{
    private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<IReadOnlyList<int>, string> _decode;
    private IReadOnlyList<int> _promptIds = [];
    private int _outputTokens;

    internal CapturedRequest(int number, ReceivedCall call, Func<IReadOnlyList<int>, string> decode)
    {
        _decode = decode;
        Number = number;
        Method = call.Method;
        Bytes = call.Bytes;
        Message = call.Message;
        Metadata = call.Metadata;
        Deadline = call.Deadline;
        RequestId = call.RequestId;
        IsGeneration = call.IsGeneration;
    }

    /// <summary>The zero-based number of the call, in order of arrival over all methods.</summary>
    public int Number { get; }

    /// <summary>The full gRPC method name, for example <c>/vllm.grpc.engine.VllmEngine/Generate</c>.</summary>
    public string Method { get; }

    /// <summary>The bytes of the message as received (after decompression), without the five-byte prefix.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The parsed message; its type is internal, see <see cref="As{T}"/>.</summary>
    public IMessage Message { get; }

    /// <summary>The request headers, with names in lower case and multiple values joined by a comma.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The deadline sent by the client (grpc-timeout); <see langword="null"/> if there is none.</summary>
    public TimeSpan? Deadline { get; }

    /// <summary>The id field of the request; empty if the message has none.</summary>
    public string RequestId { get; }

    /// <summary>Whether this is a Generate call (streaming or not), as opposed to embeddings, information and aborts.</summary>
    public bool IsGeneration { get; }

    /// <summary>
    /// The prompt's token ids as the engine saw them (a text prompt tokenized, a long one truncated as requested); empty for calls without a prompt.
    /// </summary>
    public IReadOnlyList<int> PromptIds
    {
        get => Volatile.Read(ref _promptIds);
        internal set => Volatile.Write(ref _promptIds, value);
    }

    /// <summary>The prompt as text: <see cref="PromptIds"/> decoded, including special tokens.</summary>
    public string PromptText => PromptIds.Count == 0 ? "" : _decode(PromptIds);

    /// <summary>
    /// The number of tokens generated for this request so far, over all choices; shows whether a cancelled request continued to run.
    /// </summary>
    public int OutputTokens => Volatile.Read(ref _outputTokens);

    /// <summary>Whether an Abort call named this request before it had finished on its own, even if its call was cancelled first.</summary>
    public bool IsAborted => _aborted.Task.IsCompleted;

    /// <summary>Whether the client cancelled the call, or its connection closed, before the answer was complete.</summary>
    public bool IsCancelled => _cancelled.Task.IsCompleted;

    /// <summary>Completes when <see cref="IsAborted"/> becomes true.</summary>
    public Task Aborted => _aborted.Task;

    /// <summary>Completes when the client cancels the call, or its connection closes, before the answer is complete.</summary>
    public Task Cancelled => _cancelled.Task;

    /// <summary>Completes when the server is done with the call, however it ended.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Parses the message as <typeparamref name="T"/>, a class that protoc generated from vLLM's .proto files.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are not a message of that type.</exception>
    public T As<T>()
        where T : IMessage, new()
    {
        if (Message is T message)
        {
            return message;
        }

        message = new T();
        message.MergeFrom(Bytes.Span);
        return message;
    }

    internal void CountTokens(int count) => Interlocked.Add(ref _outputTokens, count);

    internal void MarkAborted() => _aborted.TrySetResult();

    internal void MarkCancelled() => _cancelled.TrySetResult();

    internal void MarkEnded() => _ended.TrySetResult();
}

/// <summary>A call as the server received it.</summary>
internal sealed record ReceivedCall(
    string Method, byte[] Bytes, IMessage Message, string RequestId, bool IsGeneration, IReadOnlyDictionary<string, string> Metadata,
    TimeSpan? Deadline);
