using System.Globalization;

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>
/// What the work on one text may cost, over every normalizer, pattern, model and decoder it passes: linear in the text, far above what the
/// files of real models need, and far below what a hostile file could make it. Also observes the caller's cancellation. Not thread-safe.
/// </summary>
internal sealed class TextBudget
{
    /// <summary>Steps are spent in portions of this size, so that the inner loops count in a local number.</summary>
    public const int Portion = 1 << 16;

    private const long BaseSteps = 20_000_000;
    private const long StepsPerByte = 500;
    private const long BaseBytes = 4 << 20;
    private const long BytesPerByte = 64;

    /// <summary>Bytes that are compared at once, in effect; real files search for a few.</summary>
    private const int LongSearch = 64;

    private long _steps;
    private long _bytes;
    private CancellationToken _cancellation;

    /// <summary>A budget for a text of this many bytes.</summary>
    public TextBudget(long length = 0, CancellationToken cancellationToken = default) => Reset(length, cancellationToken);

    /// <summary>Steps spent since the last <see cref="Reset"/>.</summary>
    public long Spent { get; private set; }

    /// <summary>The longest text that one stage may make.</summary>
    public int LongestOutput => (int)Math.Min(_bytes, Array.MaxLength / 2);

    /// <summary>Begins anew, for a text of this many bytes.</summary>
    public void Reset(long length, CancellationToken cancellationToken)
    {
        Spent = 0;
        _steps = BaseSteps;
        _bytes = BaseBytes;
        _cancellation = cancellationToken;
        Allow(length);
    }

    /// <summary>The text has grown by this many bytes.</summary>
    public void Allow(long length)
    {
        _steps += length * StepsPerByte;
        _bytes += length * BytesPerByte;
    }

    /// <summary>Spends steps: bytes looked at, attempts made.</summary>
    /// <exception cref="TokenizerException">There are none left.</exception>
    /// <exception cref="OperationCanceledException">The caller has cancelled.</exception>
    public void Spend(long steps)
    {
        if (!TrySpend(steps))
        {
            throw TooMuch("work");
        }
    }

    /// <summary>Spends what searching a text for another one costs at worst: a long one may nearly match everywhere.</summary>
    public void SpendSearch(int text, int wanted)
    {
        if (text >= wanted && wanted > LongSearch)
        {
            Spend((long)text * (wanted / LongSearch));
        }
    }

    /// <summary>Spends steps like <see cref="Spend"/>, for a caller that knows more to say: false when there are none left.</summary>
    /// <exception cref="OperationCanceledException">The caller has cancelled.</exception>
    public bool TrySpend(long steps)
    {
        _cancellation.ThrowIfCancellationRequested();
        Note(steps);
        return _steps >= 0;
    }

    /// <summary>Takes note of steps that were made; whoever spends next finds out that there are none left.</summary>
    public void Note(long steps)
    {
        Spent += steps;
        _steps -= steps;
    }

    /// <summary>Spends bytes of output that stays.</summary>
    /// <exception cref="TokenizerException">There are none left.</exception>
    public void SpendBytes(long bytes)
    {
        if ((_bytes -= bytes) < 0)
        {
            throw TooMuch("memory");
        }
    }

    /// <summary>Throws when the caller has cancelled.</summary>
    public void Observe() => _cancellation.ThrowIfCancellationRequested();

    /// <summary>The exception for a text that costs too much.</summary>
    public static TokenizerException TooMuch(string what, string? pattern = null) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"the tokenizer's rules{(pattern is null ? "" : $" (here the pattern '{pattern}')")} need too much {what} for this text; "
        + $"which no real model does: check where its files come from, or split the text"));
}

/// <summary>
/// What loading one tokenizer may take of memory, all files and tables together; asked before memory is taken, because the files come from
/// servers. Thread-safe.
/// </summary>
internal sealed class LoadBudget(long bytes)
{
    private long _taken;

    /// <summary>Takes memory out of the budget.</summary>
    /// <param name="size">Bytes.</param>
    /// <param name="what">What it is for.</param>
    /// <exception cref="TokenizerException">There is not so much left.</exception>
    public void Reserve(long size, string what)
    {
        if (Interlocked.Add(ref _taken, size) > bytes)
        {
            throw new TokenizerException(string.Create(
                CultureInfo.InvariantCulture,
                $"loading the tokenizer needs more than {bytes} bytes of memory ({what}); "
                + $"check where the files come from, or raise TokenizerOptions.MaxLoadBytes (of a client: Connection:MaxTokenizerBytes)"));
        }
    }

    /// <summary>Takes out what parsing a JSON text takes at worst: rows for values of two bytes each, and a copy.</summary>
    public void ReserveJson(long length, string what) => Reserve(length * 14, what);
}
