using System.Text.Json;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>
/// Merges the outputs of several shards into one file, in the order of the input. Rows are streamed; only one row per file is in memory.
/// </summary>
internal static class BatchMerge
{
    /// <summary>Merges into a file, which is replaced only when it is complete.</summary>
    /// <returns>How many rows were written, and how many requests before the last of them have none.</returns>
    /// <exception cref="BatchException">As below, or the file is one of the inputs, or cannot be written.</exception>
    public static (long Rows, long Missing) Run(IReadOnlyList<string> inputs, string output)
    {
        if (inputs.Any(input => Path.GetFullPath(input) == Path.GetFullPath(output)))
        {
            throw new BatchException($"{output} is one of the files to merge; pass another --output.");
        }

        var partial = output + ".incomplete";
        try
        {
            (long Rows, long Missing) result;
            using (var writer = new StreamWriter(partial))
            {
                result = Run(inputs, writer);
            }

            File.Move(partial, output, overwrite: true);
            return result;
        }
        catch (Exception exception) when (BatchJournal.IsDiskFailure(exception))
        {
            throw new BatchException($"{output} cannot be written: {exception.Message}", exception);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    /// <returns>How many rows were written, and how many requests before the last of them have none.</returns>
    /// <exception cref="BatchException">A file has rows out of order or of another kind, a row is there twice, or a file cannot be read.</exception>
    public static (long Rows, long Missing) Run(IReadOnlyList<string> inputs, TextWriter output)
    {
        var readers = new List<StreamReader>();
        try
        {
            var queue = new PriorityQueue<(string Line, long Index, int File), long>();
            foreach (var path in inputs)
            {
                readers.Add(Open(path));
                Enqueue(readers.Count - 1, -1);
            }

            var written = 0L;
            var last = -1L;
            while (queue.TryDequeue(out var row, out _))
            {
                if (row.Index == last)
                {
                    throw new BatchException(
                        $"Request {BatchRow.IdOf(row.Index)} is in two files, one of which is {inputs[row.File]}. Were two shards run with the same "
                            + "--shard?");
                }

                output.Write(row.Line);
                output.Write('\n');
                written++;
                last = row.Index;
                Enqueue(row.File, row.Index);
            }

            return (written, last + 1 - written);

            void Enqueue(int file, long previous)
            {
                if (readers[file].ReadLine() is { } line)
                {
                    var index = IndexOf(line) ?? throw new BatchException($"{inputs[file]} is not an output of 'vllm-grpc batch': {Start(line)}");
                    if (index <= previous)
                    {
                        throw new BatchException(
                            $"{inputs[file]} is not in the order of the input (written with --order completed?): {BatchRow.IdOf(index)} comes "
                                + $"after {BatchRow.IdOf(previous)}.");
                    }

                    queue.Enqueue((line, index, file), index);
                }
            }
        }
        finally
        {
            readers.ForEach(static reader => reader.Dispose());
        }
    }

    private static StreamReader Open(string path)
    {
        try
        {
            return new StreamReader(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatchException($"{path} cannot be read: {exception.Message}", exception);
        }
    }

    private static long? IndexOf(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 512 });
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("id", out var id)
                && id.ValueKind == JsonValueKind.String
                ? BatchRow.IndexOf(id.GetString())
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Start(string line) => line.Length <= 60 ? line : string.Concat(line.AsSpan(0, 60), "…");
}
