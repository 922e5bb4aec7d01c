namespace Connectors.Vllm.Grpc;

/// <summary>
/// Reads the messages of one answer. Tracks the number of tokens of each choice and whether it has ended, to detect streams that end early or
/// continue beyond the requested length.
/// </summary>
/// <param name="request">The request.</param>
/// <param name="choiceCount">Number of choices.</param>
/// <param name="maxTokens">The requested maximum number of tokens per choice; null for no limit.</param>
internal abstract class GenerationReader(GenerationRequest request, int choiceCount, int? maxTokens)
{
    /// <summary>The number of tokens allowed beyond the limit: a server with speculative decoding sends a whole draft at once.</summary>
    private const int Allowance = 64;

    /// <summary>The maximum number of consecutive messages without a token.</summary>
    private const int MaxEmptyMessages = 10_000;

    /// <summary>The limit if neither the request nor the server sets one: no model has a longer context.</summary>
    private const int MaxContextLength = 10_000_000;

    private readonly long _limit = (maxTokens ?? MaxContextLength) + (long)Allowance;
    private readonly int[] _tokens = new int[choiceCount];
    private readonly bool[] _finished = new bool[choiceCount];
    private int _unfinished = choiceCount;
    private int _emptyMessages;

    protected GenerationRequest Request => request;

    public bool IsComplete => _unfinished == 0;

    /// <summary>
    /// Gets the update in a message as created by the method's marshaller: a <see cref="GenerationUpdate"/> for a message with ids and counts only,
    /// otherwise the protobuf message. Null if it contains nothing for the caller. Throws InvalidDataException or OverflowException for invalid
    /// content.
    /// </summary>
    public GenerationUpdate? Read(object message)
    {
        var update = message as GenerationUpdate;
        if (update is not null)
        {
            AddTokens(update.Index, update.TokenIds.Length);
        }
        else
        {
            update = ReadMessage(message);
        }

        if (IsProgress(update))
        {
            _emptyMessages = 0;
        }
        else if (++_emptyMessages > MaxEmptyMessages)
        {
            throw new InvalidDataException($"{MaxEmptyMessages} messages without a token were received in a row");
        }

        return update;
    }

    /// <summary>Whether an update contains tokens, text or a finish; a server that sends anything else only counts as silent.</summary>
    public static bool IsProgress(GenerationUpdate? update) =>
        update is not null && (!update.TokenIds.IsEmpty || update.Finish is not null || update.Text.Length > 0);

    protected abstract GenerationUpdate? ReadMessage(object message);

    protected int TokenCount(int index) => _tokens[Check(index)];

    protected int AddTokens(int index, int count)
    {
        if (_finished[Check(index)] && count > 0)
        {
            throw new InvalidDataException($"choice {index} continues after its end");
        }

        var total = _tokens[index] + (long)count;
        if (total > _limit)
        {
            throw new InvalidDataException(maxTokens is null
                ? $"choice {index} continues after {MaxContextLength} tokens, more than the context of any model"
                : $"choice {index} continues after {maxTokens} tokens, the maximum that was requested");
        }

        return _tokens[index] = (int)total;
    }

    protected void Finish(int index)
    {
        if (_finished[Check(index)])
        {
            throw new InvalidDataException($"choice {index} ended twice");
        }

        _finished[index] = true;
        _unfinished--;
    }

    /// <summary>Checks the server's count of prompt tokens against the prompt that was sent; media can only add tokens.</summary>
    protected void CheckPromptCount(uint counted)
    {
        var sent = request.PromptIds.Length;
        if (counted == 0 || (sent > 0 && (counted < sent || (counted > sent && request.Media.Count == 0))))
        {
            throw new InvalidDataException(
                $"the server counts {counted} prompt tokens where {(sent > 0 ? sent : "some")} were sent; the answer belongs to a different prompt, "
                + "or tokens were lost");
        }
    }

    /// <summary>Checks that all tokens counted by the server were received.</summary>
    protected static void CheckOutputCount(uint counted, int received)
    {
        if (counted > received)
        {
            throw new InvalidDataException($"the server counts {counted} tokens of the answer where {received} were received; some were lost");
        }
    }

    private int Check(int index) => (uint)index < (uint)_tokens.Length
        ? index
        : throw new InvalidDataException($"choice index {index} was not requested ({_tokens.Length} choices)");
}
