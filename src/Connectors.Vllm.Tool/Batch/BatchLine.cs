using System.Security.Cryptography;
using System.Text;
using nietras.SeparatedValues;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>One request of the input.</summary>
/// <param name="Index">Position among all requests, from 0.</param>
/// <param name="Line">Line in the file, from 1, for messages.</param>
/// <param name="Text">A JSON object, or the prompt itself when <paramref name="IsPrompt"/>.</param>
/// <param name="IsPrompt">Whether the text is a prompt (CSV with a template).</param>
/// <param name="Problem">The problem with the line; null if it is valid.</param>
internal readonly record struct BatchLine(long Index, long Line, string Text, bool IsPrompt, string? Problem = null)
{
    /// <summary>A fingerprint of the text, 16 hexadecimal digits.</summary>
    public string Hash() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text)).AsSpan(0, 8));
}

/// <summary>Part <paramref name="Number"/> (from 1) of <paramref name="Count"/> of the input: every Count-th request.</summary>
internal readonly record struct Shard(int Number, int Count)
{
    public static Shard All => new(1, 1);

    public bool Has(long index) => index % Count == Number - 1;

    /// <summary>Reads <c>3/16</c>.</summary>
    public static Shard? TryParse(string text) =>
        text.Split('/') is [var number, var count] && int.TryParse(number, out var n) && int.TryParse(count, out var c) && c >= 1 && n >= 1 && n <= c
            ? new Shard(n, c)
            : null;

    public override string ToString() => $"{Number}/{Count}";
}

/// <summary>Reads the requests of a batch: JSON Lines, or CSV whose columns fill a template.</summary>
internal static class BatchLines
{
    /// <summary>The lines that hold something. A file is read as it is needed.</summary>
    public static IEnumerable<BatchLine> ReadJsonLines(TextReader reader)
    {
        var index = 0L;
        var line = 0L;
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (!string.IsNullOrWhiteSpace(text))
            {
                yield return new BatchLine(index++, line, text, IsPrompt: false);
            }
        }
    }

    /// <summary>Counts the requests of a file for this shard; null for input that can be read only once: standard input, or a pipe.</summary>
    public static long? Count(BatchSettings settings)
    {
        if (settings.Input is null or "-" || new FileInfo(settings.Input) is not { Exists: true, Length: > 0 })
        {
            return null;
        }

        using var reader = new StreamReader(settings.Input);
        var rows = settings.Csv is null ? ReadJsonLines(reader).LongCount() : CountRows(reader);

        // Requests are dealt out like cards, so a shard may have one less than the one before it.
        return (rows + settings.Shard.Count - settings.Shard.Number) / settings.Shard.Count;
    }

    private static long CountRows(TextReader reader)
    {
        using var csv = Open(reader);
        var rows = 0L;
        while (csv.MoveNext())
        {
            rows++;
        }

        return rows;
    }

    /// <summary>Each row of a CSV file (with a header row) in a template: <c>{{column}}</c> is replaced with the row's value.</summary>
    /// <exception cref="BatchException">The template names a column that is not there, or the file is not CSV.</exception>
    public static IEnumerable<BatchLine> ReadCsv(TextReader reader, PromptTemplate template)
    {
        using var csv = Open(reader);
        var columns = template.Columns.Select(name => csv.Header.TryIndexOf(name, out var column) ? column : throw new BatchException(
            $"--template uses {{{{{name}}}}}, but the file has the columns {string.Join(", ", csv.Header.ColNames)}.")).ToArray();
        var index = 0L;
        while (csv.MoveNext())
        {
            var row = csv.Current;
            if (columns.Any(column => column >= csv.Current.ColCount))
            {
                yield return new BatchLine(
                    index++,
                    row.LineNumberFrom,
                    row.Span.ToString(),
                    IsPrompt: true,
                    $"{row.ColCount} columns instead of {csv.Header.ColNames.Count}");
                continue;
            }

            var values = new string[columns.Length];
            for (var i = 0; i < columns.Length; i++)
            {
                values[i] = row[columns[i]].ToString();
            }

            yield return new BatchLine(index++, row.LineNumberFrom, template.Fill(values), IsPrompt: true);
        }
    }

    private static SepReader Open(TextReader reader)
    {
        try
        {
            return Sep.Auto.Reader(static options => options with { Unescape = true, DisableColCountCheck = true }).From(reader);
        }
        catch (Exception exception) when (exception is InvalidDataException or ArgumentException)
        {
            throw new BatchException($"The input is not CSV with a header row: {exception.Message}", exception);
        }
    }
}

/// <summary>A prompt with <c>{{column}}</c> in it.</summary>
internal sealed class PromptTemplate
{
    private readonly string[] _pieces;

    private PromptTemplate(string[] pieces, string[] columns)
    {
        _pieces = pieces;
        Columns = columns;
    }

    /// <summary>The column of each place, in order; a column may come several times.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <exception cref="BatchException">There is no place in it, or one is not closed.</exception>
    public static PromptTemplate Parse(string text)
    {
        var pieces = new List<string>();
        var columns = new List<string>();
        var rest = text.AsSpan();
        for (int open; (open = rest.IndexOf("{{")) >= 0;)
        {
            var close = rest[open..].IndexOf("}}");
            if (close < 0)
            {
                throw new BatchException("--template: {{ without }}.");
            }

            pieces.Add(rest[..open].ToString());
            columns.Add(rest.Slice(open + 2, close - 2).Trim().ToString());
            rest = rest[(open + close + 2)..];
        }

        pieces.Add(rest.ToString());
        return columns.Count > 0
            ? new PromptTemplate([.. pieces], [.. columns])
            : throw new BatchException("--template contains no {{column}}, so every prompt would be the same.");
    }

    public string Fill(IReadOnlyList<string> values)
    {
        var text = new StringBuilder(_pieces[0]);
        for (var i = 0; i < values.Count; i++)
        {
            text.Append(values[i]).Append(_pieces[i + 1]);
        }

        return text.ToString();
    }
}
