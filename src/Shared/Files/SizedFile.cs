namespace Connectors.Vllm.Shared;

/// <summary>Reads untrusted files: their size is checked before memory is allocated.</summary>
internal static class SizedFile
{
    /// <summary>Gets the size of a file in bytes; for a symbolic link, that of its target.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static long SizeOf(string path)
    {
        using var file = File.OpenHandle(path);
        return RandomAccess.GetLength(file);
    }

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file, or a link to it.</param>
    /// <param name="accept">Called with the size in bytes; throws if it is too large.</param>
    /// <exception cref="IOException">The file cannot be read, or changes while it is read.</exception>
    public static byte[] Read(string path, Action<long> accept)
    {
        // The size of the opened handle, because the path may refer to another file a moment later.
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
