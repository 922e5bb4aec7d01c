using Google.Protobuf;

namespace Connectors.Vllm.Testing;

/// <summary>One call the server received, as it came. Thread-safe; the tasks complete while the call runs.</summary>
public sealed class CapturedRequest
{
    private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IReadOnlyList<int> _promptIds = [];
    private int _outputTokens;

    internal CapturedRequest(int number, string method, byte[] bytes, IMessage message, IReadOnlyDictionary<string, string> metadata, TimeSpan? deadline)
    {
        Number = number;
        Method = method;
        Bytes = bytes;
        Message = message;
        Metadata = metadata;
        Deadline = deadline;
    }

    /// <summary>Running number, from 0, in order of arrival over all methods.</summary>
    public int Number { get; }

    /// <summary>Full path, e.g. <c>/vllm.grpc.engine.VllmEngine/Generate</c>.</summary>
    public string Method { get; }

    /// <summary>The message's bytes as received (after decompression), without the five-byte prefix.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The parsed message; its type is internal, see <see cref="As{T}"/>.</summary>
    public IMessage Message { get; }

    /// <summary>Headers of the request, names in lower case, several values joined by a comma.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The deadline the client sent (grpc-timeout), or null.</summary>
    public TimeSpan? Deadline { get; }

    /// <summary>The request's own id field; empty where the message has none.</summary>
    public string RequestId { get; internal set; } = "";

    /// <summary>The prompt's token ids as the engine saw them (a text prompt encoded, a long one truncated as asked); empty for calls without a prompt.</summary>
    public IReadOnlyList<int> PromptIds
    {
        get => Volatile.Read(ref _promptIds);
        internal set => Volatile.Write(ref _promptIds, value);
    }

    /// <summary>Tokens generated for this request so far, over all choices: shows whether a cancelled request went on.</summary>
    public int OutputTokens => Volatile.Read(ref _outputTokens);

    /// <summary>True when an Abort call named this request while it ran.</summary>
    public bool IsAborted => _aborted.Task.IsCompleted;

    /// <summary>True when the client cancelled the call or its connection went away before the answer was complete.</summary>
    public bool IsCancelled => _cancelled.Task.IsCompleted;

    /// <summary>Completes when an Abort call names this request while it runs.</summary>
    public Task Aborted => _aborted.Task;

    /// <summary>Completes when the client cancels the call or its connection goes away before the answer is complete.</summary>
    public Task Cancelled => _cancelled.Task;

    /// <summary>Completes when the server is done with the call, however it ended.</summary>
    public Task Ended => _ended.Task;

    /// <summary>The message read as <typeparamref name="T"/>, a class that protoc generated from vLLM's .proto files.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are no message of that type.</exception>
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
