using System.Runtime.ExceptionServices;
using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Models;

namespace Connectors.Vllm.Tokenizers.Loading;

/// <summary>
/// Reads the merges of a BPE model: pairs of strings, or strings with one space between the parts. Every part and every result must be a token;
/// otherwise the file would produce wrong ids.
/// </summary>
internal sealed class MergeReader
{
    private const string Path = "$.model.merges";

    /// <summary>The minimum size for which a second thread is started.</summary>
    private const int MinParallelBytes = 1 << 19;

    private readonly Vocabulary _vocabulary;
    private readonly byte[] _prefix;
    private readonly string _file;
    private readonly IdList _triples = new();
    private byte[] _left = new byte[512];
    private byte[] _joined = new byte[512];
    private int _entry;
    private int _result = -1;
    private bool _metStop;
    private int _end;
    private ExceptionDispatchInfo? _failure;

    private MergeReader(Vocabulary vocabulary, string? continuingSubwordPrefix, string file)
    {
        _vocabulary = vocabulary;
        _prefix = Encoding.UTF8.GetBytes(continuingSubwordPrefix ?? string.Empty);
        _file = file;
    }

    /// <summary>
    /// Reads the array at the scanner's position. Looking up the parts is most of the work of loading a tokenizer.json, so if there are several
    /// processors, a second thread starts in the middle, at what looks like the beginning of a merge. Its result is used only if the first thread
    /// arrives at exactly that position between two merges; otherwise the first thread reads everything.
    /// </summary>
    /// <param name="scanner">The scanner at the array; moved past it.</param>
    /// <param name="json">The whole file, which the scanner reads.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="continuingSubwordPrefix">The prefix of parts that continue a word, or null.</param>
    /// <param name="file">The file's name, for messages.</param>
    /// <param name="budget">The memory budget for loading.</param>
    /// <param name="meanwhile">Other work that depends only on the vocabulary; done concurrently if possible.</param>
    public static MergeTable Read(
        scoped ref JsonScanner scanner,
        ReadOnlyMemory<byte> json,
        Vocabulary vocabulary,
        string? continuingSubwordPrefix,
        string file,
        Action meanwhile,
        LoadBudget budget)
    {
        if (scanner.Peek() != '[')
        {
            throw new TokenizerException($"an array of merges is expected, not {Name(scanner.Peek())}", file, Path);
        }

        scanner.Expect((byte)'[');
        var reader = new MergeReader(vocabulary, continuingSubwordPrefix, file);
        var start = scanner.Position;
        var left = json.Length - start;

        // A merge of six bytes becomes three integers, in a list that doubles its capacity.
        budget.Reserve(left * 4L, Path);
        var middle = Environment.ProcessorCount > 1 && left > MinParallelBytes ? GuessMerge(json.Span, start + (left / 2)) : -1;
        if (middle < 0)
        {
            meanwhile();
            reader.ReadUpTo(ref scanner, -1);
            return reader.CreateTable(budget);
        }

        var second = new MergeReader(vocabulary, continuingSubwordPrefix, file);
        Parallel.Invoke(() => reader.TryRead(json, start, middle), () => second.TryRead(json, middle, -1), meanwhile);
        reader._failure?.Throw();
        scanner.Position = reader._end;
        if (reader._metStop && second._failure is null)
        {
            reader._triples.AddRange(second._triples.Written);
            scanner.Position = second._end;
        }
        else if (reader._metStop)
        {
            // If the second reader failed, its part is read again, for an error message with the correct location.
            reader.ReadUpTo(ref scanner, -1);
        }

        return reader.CreateTable(budget);
    }

    /// <summary>
    /// Finds the first position from <paramref name="from"/> at which a merge seems to begin, after the end of another one and a comma; -1 for none.
    /// </summary>
    private static int GuessMerge(ReadOnlySpan<byte> json, int from)
    {
        for (var at = from; at < json.Length && json[at..].IndexOf((byte)',') is >= 0 and var comma; at++)
        {
            at += comma;
            var before = at - 1;
            while (before > from && IsBlank(json[before]))
            {
                before--;
            }

            var after = at + 1;
            while (after < json.Length && IsBlank(json[after]))
            {
                after++;
            }

            if (after < json.Length
                && ((json[before] == ']' && json[after] == '[')
                    || (json[before] == '"' && json[after] == '"' && json[before - 1] != '\\' && !IsPair(json, after))))
            {
                return after;
            }
        }

        return -1;
    }

    private static bool IsBlank(byte value) => value is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    /// <summary>Whether the string at this position is the second part of a pair, followed by a bracket.</summary>
    private static bool IsPair(ReadOnlySpan<byte> json, int at)
    {
        at++;
        while (at < json.Length && json[at] != '"')
        {
            at += json[at] == '\\' ? 2 : 1;
        }

        at++;
        while (at < json.Length && IsBlank(json[at]))
        {
            at++;
        }

        return at < json.Length && json[at] == ']';
    }

    /// <summary>Reads like <see cref="ReadUpTo"/> and stores the result, because this runs concurrently with other readers.</summary>
    private void TryRead(ReadOnlyMemory<byte> json, int start, int stop)
    {
        try
        {
            var scanner = new JsonScanner(json.Span, _file, start);
            _metStop = ReadUpTo(ref scanner, stop);
            _end = scanner.Position;
        }
        catch (TokenizerException exception)
        {
            _failure = ExceptionDispatchInfo.Capture(exception);
        }
    }

    /// <summary>Reads merges up to one that begins at <paramref name="stop"/> (true), or to the end of the array (false).</summary>
    private bool ReadUpTo(scoped ref JsonScanner scanner, int stop)
    {
        // The second of two readers, and one that continues, starts in the middle, after a comma.
        for (var first = true; scanner.MoveNext(ref first, (byte)']'); _entry++)
        {
            if (scanner.Position == stop)
            {
                return true;
            }

            if (scanner.Peek() == '"')
            {
                var merge = scanner.ReadString();
                if (!merge.StartsWith("#version"u8))
                {
                    var blank = merge.IndexOf((byte)' ');
                    if (blank < 0 || merge[(blank + 1)..].Contains((byte)' '))
                    {
                        throw Error($"the merge '{Text(merge)}' does not consist of two parts separated by a space");
                    }

                    Add(merge[..blank], merge[(blank + 1)..]);
                }
            }
            else
            {
                // An escaped string is valid only until the next one is read.
                var part = ReadFirst(ref scanner);
                part.CopyTo(Room(ref _left, part.Length));
                Add(_left.AsSpan(0, part.Length), ReadSecond(ref scanner));
            }
        }

        return false;
    }

    /// <summary>Looks up the parts and the result of a merge.</summary>
    private void Add(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        // A continuing part has the prefix, which is removed in the middle of the result.
        var tail = _prefix.Length > 0 && right.Length >= _prefix.Length ? right[_prefix.Length..] : right;
        var token = Room(ref _joined, left.Length + tail.Length)[..(left.Length + tail.Length)];
        left.CopyTo(token);
        tail.CopyTo(token[left.Length..]);
        _triples.Add(Id(left));
        _triples.Add(Id(right));

        // Most files number their tokens in the order of the merges, so the next id is tried before a search.
        _result = _vocabulary.Token(_result + 1).SequenceEqual(token) ? _result + 1 : Id(token);
        _triples.Add(_result);
    }

    private MergeTable CreateTable(LoadBudget budget)
    {
        var merges = _triples.Written;
        var table = new MergeTable(merges.Length / 3, budget);
        for (var i = 0; i < merges.Length; i += 3)
        {
            table.Add(merges[i], merges[i + 1], i / 3, merges[i + 2]);
        }

        return table;
    }

    private static Span<byte> Room(ref byte[] buffer, int length)
    {
        if (buffer.Length < length)
        {
            buffer = new byte[length * 2];
        }

        return buffer;
    }

    private ReadOnlySpan<byte> ReadFirst(scoped ref JsonScanner scanner)
    {
        if (scanner.Peek() != '[')
        {
            throw Error($"a merge must be a string or an array of two strings, not {Name(scanner.Peek())}");
        }

        scanner.Expect((byte)'[');
        return scanner.Peek() == '"' ? scanner.ReadString() : throw TwoParts();
    }

    private ReadOnlySpan<byte> ReadSecond(scoped ref JsonScanner scanner)
    {
        if (scanner.Peek() != ',')
        {
            throw TwoParts();
        }

        scanner.Expect((byte)',');
        if (scanner.Peek() != '"')
        {
            throw TwoParts();
        }

        var token = scanner.ReadString();
        if (scanner.Peek() != ']')
        {
            throw TwoParts();
        }

        scanner.Expect((byte)']');
        return token;
    }

    private TokenizerException TwoParts() => Error("a merge must have exactly two parts, both strings");

    private int Id(ReadOnlySpan<byte> token) => _vocabulary.Find(token) is >= 0 and var id
        ? id
        : throw Error($"the merge refers to the token '{Text(token)}', which is not in the vocabulary; the file is corrupt, download it again");

    private TokenizerException Error(string message) => new(message, _file, $"{Path}[{_entry}]");

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private static string Name(byte first) => first switch
    {
        (byte)'{' => "an object",
        (byte)'[' => "an array",
        (byte)'"' => "a string",
        (byte)'-' or (>= (byte)'0' and <= (byte)'9') => "a number",
        0 => "the end of the file",
        _ => "true, false or null",
    };
}
