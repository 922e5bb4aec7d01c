namespace Connectors.Vllm.Grpc;

/// <summary>
/// Reads the messages of one answer. Knows how many tokens each choice has had and whether it has ended, so that a stream that ends early
/// is not taken for an answer.
/// </summary>
internal abstract class GenerationReader(GenerationRequest request, int choiceCount)
{
    private readonly int[] _tokens = new int[choiceCount];
    private readonly bool[] _finished = new bool[choiceCount];
    private int _open = choiceCount;

    protected GenerationRequest Request => request;

    public bool IsComplete => _open == 0;

    /// <summary>The update in a message; null when it holds nothing for the caller. Throws InvalidProtocolBufferException, InvalidDataException or OverflowException for bad bytes.</summary>
    public abstract GenerationUpdate? Read(ReadOnlySpan<byte> message);

    protected int TokensOf(int index) => _tokens[Check(index)];

    protected int AddTokens(int index, int count)
    {
        if (_finished[Check(index)] && count > 0)
        {
            throw new InvalidDataException($"choice {index} goes on after its end");
        }

        return _tokens[index] += count;
    }

    protected void Finish(int index)
    {
        if (_finished[Check(index)])
        {
            throw new InvalidDataException($"choice {index} ends twice");
        }

        _finished[index] = true;
        _open--;
    }

    private int Check(int index) => (uint)index < (uint)_tokens.Length
        ? index
        : throw new InvalidDataException($"choice index {index} was not asked for ({_tokens.Length} choices)");
}
