using System.Text;
using System.Text.Json;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Reads the merges of a BPE model: pairs of strings, or strings with one blank between the parts. Every part and every result must be
/// a token, else the ids of this file could not be trusted.
/// </summary>
internal static class MergeReader
{
    private const string Path = "$.model.merges";

    public static MergeTable Read(scoped ref Utf8JsonReader reader, Vocabulary vocabulary, string? continuingSubwordPrefix, string file)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new TokenizerException($"an array of merges is expected, not {Name(reader.TokenType)}", file, Path);
        }

        var prefix = Encoding.UTF8.GetBytes(continuingSubwordPrefix ?? string.Empty);
        var triples = new IdList();
        byte[] first = new byte[256], second = new byte[256], joined = new byte[512];
        var entry = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; entry++)
        {
            ReadOnlySpan<byte> left = reader.ValueSpan, right = left;
            if (reader.TokenType == JsonTokenType.String)
            {
                var merge = JsonBytes.Of(ref reader, ref first);
                if (merge.StartsWith("#version"u8))
                {
                    continue;
                }

                var blank = merge.IndexOf((byte)' ');
                if (blank < 0 || merge[(blank + 1)..].Contains((byte)' '))
                {
                    throw Error($"the merge '{Text(merge)}' is not two parts with one blank between them", file, entry);
                }

                left = merge[..blank];
                right = merge[(blank + 1)..];
            }
            else
            {
                left = Part(ref reader, JsonTokenType.StartArray, ref first, file, entry);
                right = Part(ref reader, JsonTokenType.String, ref second, file, entry);
                if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray)
                {
                    throw Error("a merge has exactly two parts", file, entry);
                }
            }

            if (joined.Length < left.Length + right.Length)
            {
                joined = new byte[(left.Length + right.Length) * 2];
            }

            // A continuing part carries the prefix; in the middle of the result it goes.
            left.CopyTo(joined);
            var tail = prefix.Length > 0 && right.Length >= prefix.Length ? right[prefix.Length..] : right;
            tail.CopyTo(joined.AsSpan(left.Length));
            triples.Add(Id(vocabulary, left, file, entry));
            triples.Add(Id(vocabulary, right, file, entry));
            triples.Add(Id(vocabulary, joined.AsSpan(0, left.Length + tail.Length), file, entry));
        }

        var table = new MergeTable(triples.Count / 3);
        var merges = triples.Written;
        for (var i = 0; i < merges.Length; i += 3)
        {
            table.Add(merges[i], merges[i + 1], i / 3, merges[i + 2]);
        }

        return table;
    }

    private static ReadOnlySpan<byte> Part(scoped ref Utf8JsonReader reader, JsonTokenType expected, scoped ref byte[] buffer, string file, int entry)
    {
        if (expected == JsonTokenType.StartArray && reader.TokenType != JsonTokenType.StartArray)
        {
            throw Error($"a merge is a string or an array of two strings, not {Name(reader.TokenType)}", file, entry);
        }

        if (!reader.Read() || reader.TokenType != JsonTokenType.String)
        {
            throw Error("a merge has exactly two parts, both strings", file, entry);
        }

        return JsonBytes.Of(ref reader, ref buffer);
    }

    private static int Id(Vocabulary vocabulary, ReadOnlySpan<byte> token, string file, int entry) => vocabulary.Find(token) is >= 0 and var id
        ? id
        : throw Error($"the merge needs the token '{Text(token)}', which is not in the vocabulary; the file is damaged, fetch it again", file, entry);

    private static TokenizerException Error(string message, string file, int entry) => new(message, file, $"{Path}[{entry}]");

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        _ => type.ToString(),
    };
}
