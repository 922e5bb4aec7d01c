using System.Globalization;

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>
/// Limits the work for a text in all normalizers, patterns, models and decoders. The limit is linear in the length of the text, far above the needs
/// of real models and far below what a hostile file could cause. Also observes the caller's cancellation. Not thread-safe.
/// </summary>
internal sealed class TextBudget
{
    /// <summary>The number of steps that inner loops count in a local variable before they spend them.</summary>
    public const int Portion = 1 << 16;

    private const long BaseSteps = 20_000_000;
    private const long StepsPerByte = 500;
    private const long BaseBytes = 4 << 20;
    private const long BytesPerByte = 64;

    /// <summary>The length from which a search is more expensive; real files search for a few bytes.</summary>
    private const int LongSearch = 64;

    private long _steps;
    private long _bytes;
    private CancellationToken _cancellation;

    /// <summary>Creates a budget for a text of the given length in bytes.</summary>
    public TextBudget(long length = 0, CancellationToken cancellationToken = default) => Reset(length, cancellationToken);

    /// <summary>The number of steps spent since the last <see cref="Reset"/>.</summary>
    public long Spent { get; private set; }

    /// <summary>The maximum length of the output of one stage.</summary>
    public int MaxOutputLength => (int)Math.Min(_bytes, Array.MaxLength / 2);

    /// <summary>Resets the budget for a text of the given length in bytes.</summary>
    public void Reset(long length, CancellationToken cancellationToken)
    {
        Spent = 0;
        _steps = BaseSteps;
        _bytes = BaseBytes;
        _cancellation = cancellationToken;
        Allow(length);
    }

    /// <summary>Extends the budget for a text that has grown.</summary>
    public void Allow(long length)
    {
        _steps += length * StepsPerByte;
        _bytes += length * BytesPerByte;
    }

    /// <summary>Spends steps, such as bytes read or match attempts.</summary>
    /// <exception cref="TokenizerException">The budget is exhausted.</exception>
    /// <exception cref="OperationCanceledException">The caller has cancelled.</exception>
    public void Spend(long steps)
    {
        if (!TrySpend(steps))
        {
            throw BudgetExceeded("work");
        }
    }

    /// <summary>Spends the worst-case cost of searching a text for another one, which may nearly match everywhere.</summary>
    public void SpendSearch(int text, int wanted)
    {
        if (text >= wanted && wanted > LongSearch)
        {
            Spend((long)text * (wanted / LongSearch));
        }
    }

    /// <summary>Spends steps like <see cref="Spend"/>, but returns false instead of throwing if the budget is exhausted.</summary>
    /// <exception cref="OperationCanceledException">The caller has cancelled.</exception>
    public bool TrySpend(long steps)
    {
        _cancellation.ThrowIfCancellationRequested();
        Note(steps);
        return _steps >= 0;
    }

    /// <summary>Records steps without checking the budget; the next call that spends steps checks it.</summary>
    public void Note(long steps)
    {
        Spent += steps;
        _steps -= steps;
    }

    /// <summary>Spends bytes of output that is kept.</summary>
    /// <exception cref="TokenizerException">The budget is exhausted.</exception>
    public void SpendBytes(long bytes)
    {
        if ((_bytes -= bytes) < 0)
        {
            throw BudgetExceeded("memory");
        }
    }

    /// <summary>Throws if the caller has cancelled.</summary>
    public void Observe() => _cancellation.ThrowIfCancellationRequested();

    /// <summary>Creates the exception for an exhausted budget.</summary>
    public static TokenizerException BudgetExceeded(string what, string? pattern = null) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"the tokenizer's rules{(pattern is null ? "" : $" (here the pattern '{pattern}')")} need too much {what} for this text; "
        + $"which no real model does: check where its files come from, or split the text"));
}

/// <summary>
/// Limits the memory for loading a tokenizer, files and tables together. Memory is reserved before it is allocated, because files may come from
/// untrusted servers. Thread-safe.
/// </summary>
internal sealed class LoadBudget(long bytes)
{
    private long _taken;

    /// <summary>Reserves memory.</summary>
    /// <param name="size">The number of bytes.</param>
    /// <param name="what">The purpose, for messages.</param>
    /// <exception cref="TokenizerException">The budget is exceeded.</exception>
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

    /// <summary>Reserves the worst case of parsing JSON: rows for values of two bytes each, and a copy.</summary>
    public void ReserveJson(long length, string what) => Reserve(length * 14, what);
}
