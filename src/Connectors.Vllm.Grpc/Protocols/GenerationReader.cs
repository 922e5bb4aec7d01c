namespace Connectors.Vllm.Grpc;

/// <summary>
/// Reads the messages of one answer. Knows how many tokens each choice has had and whether it has ended, so that a stream that ends early is not
/// taken for an answer, and one that goes on beyond what was asked is not followed.
/// </summary>
/// <param name="request">The request.</param>
/// <param name="choiceCount">Number of choices.</param>
/// <param name="maxTokens">Most tokens that were asked for, per choice; null for no limit.</param>
internal abstract class GenerationReader(GenerationRequest request, int choiceCount, int? maxTokens)
{
    /// <summary>Tokens that may come beyond the limit: a server with speculative decoding sends a whole draft at once.</summary>
    private const int Allowance = 64;

    /// <summary>Messages without a token that may come one after the other.</summary>
    private const int MaxEmptyMessages = 10_000;

    /// <summary>The limit where neither the request nor the server says one: no model's context is longer.</summary>
    private const int MostTokens = 10_000_000;

    private readonly long _limit = (maxTokens ?? MostTokens) + (long)Allowance;
    private readonly int[] _tokens = new int[choiceCount];
    private readonly bool[] _finished = new bool[choiceCount];
    private int _open = choiceCount;
    private int _emptyMessages;

    protected GenerationRequest Request => request;

    public bool IsComplete => _open == 0;

    /// <summary>
    /// The update in a message as the method's marshaller made it: a <see cref="GenerationUpdate"/> for a message of ids and counts only, else the
    /// whole protobuf message. Null when it holds nothing for the caller. Throws InvalidDataException or OverflowException for what makes no sense.
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
            update = ReadWhole(message);
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

    /// <summary>Whether an update brings the answer forward; a server that sends nothing else is silent.</summary>
    public static bool IsProgress(GenerationUpdate? update) =>
        update is not null && (!update.TokenIds.IsEmpty || update.Finish is not null || update.Text.Length > 0);

    protected abstract GenerationUpdate? ReadWhole(object message);

    protected int TokensOf(int index) => _tokens[Check(index)];

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
                ? $"choice {index} continues after {MostTokens} tokens, more than the context of any model"
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
        _open--;
    }

    /// <summary>The server counts the prompt that was sent; media only add to it.</summary>
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

    /// <summary>What the server counts of the answer has come.</summary>
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
