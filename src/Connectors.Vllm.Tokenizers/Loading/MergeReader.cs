using System.Runtime.CompilerServices;
using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Reads the merges of a BPE model: pairs of strings, or strings with one blank between the parts. Every part and every result must be
/// a token, else the ids of this file could not be trusted.
/// </summary>
internal static class MergeReader
{
    private const string Path = "$.model.merges";

    /// <summary>Reads the array the scanner stands at.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static MergeTable Read(scoped ref JsonScanner scanner, Vocabulary vocabulary, string? continuingSubwordPrefix, string file)
    {
        if (scanner.Peek() != '[')
        {
            throw new TokenizerException($"an array of merges is expected, not {Name(scanner.Peek())}", file, Path);
        }

        var prefix = Encoding.UTF8.GetBytes(continuingSubwordPrefix ?? string.Empty);
        var triples = new IdList();
        byte[] left = new byte[512], joined = new byte[512];
        var entry = 0;
        var result = -1;
        scanner.Expect((byte)'[');
        for (var first = true; scanner.MoveNext(ref first, (byte)']'); entry++)
        {
            // Both parts end up one behind the other: the result of the merge.
            ReadOnlySpan<byte> right = default;
            int leftLength;
            if (scanner.Peek() == '"')
            {
                var merge = scanner.ReadString();
                if (merge.StartsWith("#version"u8))
                {
                    continue;
                }

                leftLength = merge.IndexOf((byte)' ');
                if (leftLength < 0 || merge[(leftLength + 1)..].Contains((byte)' '))
                {
                    throw Error($"the merge '{Text(merge)}' is not two parts with one blank between them", file, entry);
                }

                merge[..leftLength].CopyTo(Room(ref left, leftLength));
                right = merge[(leftLength + 1)..];
            }
            else
            {
                var part = ReadFirst(ref scanner, file, entry);
                leftLength = part.Length;
                part.CopyTo(Room(ref left, leftLength));
                right = ReadSecond(ref scanner, file, entry);
            }

            // A continuing part carries the prefix; in the middle of the result it goes.
            var tail = prefix.Length > 0 && right.Length >= prefix.Length ? right[prefix.Length..] : right;
            Room(ref joined, leftLength + tail.Length);
            left.AsSpan(0, leftLength).CopyTo(joined);
            tail.CopyTo(joined.AsSpan(leftLength));
            triples.Add(Id(vocabulary, left.AsSpan(0, leftLength), file, entry));
            triples.Add(Id(vocabulary, right, file, entry));

            // Most files number their tokens in the order of their merges: a look at the next id spares a search.
            var token = joined.AsSpan(0, leftLength + tail.Length);
            result = token.SequenceEqual(vocabulary.Token(result + 1)) ? result + 1 : Id(vocabulary, token, file, entry);
            triples.Add(result);
        }

        var table = new MergeTable(triples.Count / 3);
        var merges = triples.Written;
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

    private static ReadOnlySpan<byte> ReadFirst(scoped ref JsonScanner scanner, string file, int entry)
    {
        if (scanner.Peek() != '[')
        {
            throw Error($"a merge is a string or an array of two strings, not {Name(scanner.Peek())}", file, entry);
        }

        scanner.Expect((byte)'[');
        return scanner.Peek() == '"' ? scanner.ReadString() : throw TwoParts(file, entry);
    }

    private static ReadOnlySpan<byte> ReadSecond(scoped ref JsonScanner scanner, string file, int entry)
    {
        if (scanner.Peek() != ',')
        {
            throw TwoParts(file, entry);
        }

        scanner.Expect((byte)',');
        if (scanner.Peek() != '"')
        {
            throw TwoParts(file, entry);
        }

        var token = scanner.ReadString();
        if (scanner.Peek() != ']')
        {
            throw TwoParts(file, entry);
        }

        scanner.Expect((byte)']');
        return token;
    }

    private static TokenizerException TwoParts(string file, int entry) => Error("a merge has exactly two parts, both strings", file, entry);

    private static int Id(Vocabulary vocabulary, ReadOnlySpan<byte> token, string file, int entry) => vocabulary.Find(token) is >= 0 and var id
        ? id
        : throw Error($"the merge needs the token '{Text(token)}', which is not in the vocabulary; the file is damaged, fetch it again", file, entry);

    private static TokenizerException Error(string message, string file, int entry) => new(message, file, $"{Path}[{entry}]");

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
