namespace Connectors.Vllm.Tokenizers;

/// <summary>Working memory of a BPE model: the word cache, and arrays for long pieces.</summary>
internal sealed class BpeState : ModelState
{
    private const int KeptSymbols = 1 << 16;

    private readonly Utf8Buffer _padded = new();

    public WordCache Cache { get; } = new();

    /// <summary>A piece in the printable alphabet, while it is looked up.</summary>
    public Utf8Buffer Alphabet { get; } = new();

    /// <summary>The symbols of a piece, while they are being found.</summary>
    public IdList Symbols { get; } = new();

    public int[] Ids { get; private set; } = [];

    public int[] Previous { get; private set; } = [];

    public int[] Next { get; private set; } = [];

    public ulong[] Heap { get; set; } = [];

    /// <summary>Makes the arrays for long pieces at least this long.</summary>
    public void Reserve(int symbols)
    {
        if (Ids.Length < symbols)
        {
            var size = (int)Math.Min(Array.MaxLength, Math.Max(1024, (long)symbols * 5 / 4));
            Ids = GC.AllocateUninitializedArray<int>(size);
            Previous = GC.AllocateUninitializedArray<int>(size);
            Next = GC.AllocateUninitializedArray<int>(size);
        }
    }

    /// <summary>A copy of the piece with readable bytes behind it, for the word cache.</summary>
    public ReadOnlySpan<byte> Pad(ReadOnlySpan<byte> piece)
    {
        _padded.Clear();
        _padded.Append(piece);
        return _padded.Written;
    }

    public override void Trim()
    {
        _padded.Trim(KeptSymbols);
        Symbols.Trim(KeptSymbols);
        if (Ids.Length > KeptSymbols)
        {
            Ids = [];
            Previous = [];
            Next = [];
        }

        if (Heap.Length > 4 * KeptSymbols)
        {
            Heap = [];
        }
    }
}
