namespace Connectors.Vllm.Shared;

/// <summary>Reads files that may come from anywhere: their size is judged before memory is taken for them.</summary>
internal static class SizedFile
{
    /// <summary>The size in bytes of a file, or of what a link leads to; a link has a size of its own.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static long SizeOf(string path)
    {
        using var file = File.OpenHandle(path);
        return RandomAccess.GetLength(file);
    }

    /// <summary>The whole content of a file.</summary>
    /// <param name="path">The file, or a link to it.</param>
    /// <param name="accept">Is given the size in bytes, and throws when that is too much.</param>
    /// <exception cref="IOException">The file cannot be read, or changes while it is read.</exception>
    public static byte[] Read(string path, Action<long> accept)
    {
        // The size of what was opened: the file behind a name may be another one a moment later.
        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var length = RandomAccess.GetLength(file);
        accept(length);
        if (length > Array.MaxLength)
        {
            throw new IOException($"'{path}' is longer than {Array.MaxLength} bytes.");
        }

        var bytes = GC.AllocateUninitializedArray<byte>((int)length);
        for (var filled = 0; filled < bytes.Length;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(filled), filled);
            filled += read > 0 ? read : throw new EndOfStreamException($"'{path}' became shorter while it was read.");
        }

        return bytes;
    }
}
