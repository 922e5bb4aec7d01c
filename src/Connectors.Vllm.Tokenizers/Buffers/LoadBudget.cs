using System.Globalization;

namespace Connectors.Vllm.Tokenizers.Buffers;

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
