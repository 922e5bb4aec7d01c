using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The zip archive with a tokenizer's files, as streamed by a server. It is not trusted: the digest and the number, names and sizes of entries are
/// checked, decompressed bytes are counted, and nothing is written to disk.
/// </summary>
/// <param name="maxBytes">The maximum size of the archive and its files together.</param>
internal sealed class TokenizerArchive(long maxBytes) : IDisposable
{
    public const long MaxArchiveBytes = 200L * 1024 * 1024;
    public const long MaxInflatedBytes = 500L * 1024 * 1024;
    public const int MaxEntries = 50;

    /// <summary>Enough for the central directory of <see cref="MaxEntries"/> entries with the longest names; a larger one is not read.</summary>
    private const int MaxDirectoryBytes = 256 * 1024;

    /// <summary>The maximum expansion ratio of deflate.</summary>
    private const long MaxExpansion = 1032;

    private static readonly string[] AllowedExtensions = [".json", ".txt", ".model", ".tiktoken", ".jinja"];

    private readonly MemoryStream _zip = new();
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private string _expectedHash = string.Empty;
    private bool _any;

    public long Length => _zip.Length;

    /// <summary>Adds a chunk. Throws <see cref="InvalidDataException"/> when the archive grows too large.</summary>
    public void Add(ReadOnlySpan<byte> data, string sha256)
    {
        var limit = Math.Min(MaxArchiveBytes, maxBytes);
        if (_zip.Length + data.Length > limit)
        {
            throw new InvalidDataException($"the archive is larger than {limit} bytes");
        }

        _any = true;
        _zip.Write(data);
        _hash.AppendData(data);
        _expectedHash = sha256;
    }

    /// <summary>Gets the files by name. Throws <see cref="InvalidDataException"/> when a check fails.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Extract()
    {
        if (!_any || _zip.Length == 0)
        {
            throw new InvalidDataException("the archive is empty");
        }

        if (_expectedHash.Length == 0)
        {
            throw new InvalidDataException("the last chunk carries no SHA-256: the transfer was cut short");
        }

        var hash = Convert.ToHexStringLower(_hash.GetHashAndReset());
        if (!hash.Equals(_expectedHash, StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidDataException($"the archive's SHA-256 is {hash}, but {_expectedHash} was announced");
        }

        CheckDirectory(_zip.GetBuffer().AsSpan(0, (int)_zip.Length));
        _zip.Position = 0;
        using var archive = new ZipArchive(_zip, ZipArchiveMode.Read, leaveOpen: true);
        if (archive.Entries.Count is 0 or > MaxEntries)
        {
            throw new InvalidDataException($"the archive has {archive.Entries.Count} entries; 1 to {MaxEntries} are allowed");
        }

        var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.OrdinalIgnoreCase);
        var total = 0L;
        foreach (var entry in archive.Entries)
        {
            CheckName(entry);
            if (files.ContainsKey(entry.FullName))
            {
                throw new InvalidDataException($"the archive contains '{entry.FullName}' twice");
            }

            var limit = Math.Min(MaxInflatedBytes, maxBytes - _zip.Length);
            if (entry.Length < 0 || (total += entry.Length) > limit)
            {
                throw new InvalidDataException(
                    $"the archive inflates to more than {limit} bytes; raise {nameof(VllmConnectionOptions.MaxTokenizerBytes)} if it is trusted");
            }

            files.Add(entry.FullName, Inflate(entry));
        }

        // Callers look up names exactly as the server wrote them.
        return new Dictionary<string, ReadOnlyMemory<byte>>(files, StringComparer.Ordinal);
    }

    public void Dispose()
    {
        _zip.Dispose();
        _hash.Dispose();
    }

    /// <summary>
    /// Checks the size of the central directory, because <see cref="ZipArchive"/> reads all of it before it returns the number of entries. The end
    /// record declares the number of entries and the start of the directory.
    /// </summary>
    private static void CheckDirectory(ReadOnlySpan<byte> zip)
    {
        const int EndRecordBytes = 22;
        const int EntriesAt = 10;
        const int OffsetAt = 16;
        var tail = zip[Math.Max(0, zip.Length - EndRecordBytes - ushort.MaxValue)..];
        var at = tail.LastIndexOf("PK\u0005\u0006"u8);
        if (at < 0 || tail.Length - at < EndRecordBytes)
        {
            throw new InvalidDataException("the archive is not a zip file, or is truncated");
        }

        var entries = BinaryPrimitives.ReadUInt16LittleEndian(tail[(at + EntriesAt)..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(tail[(at + OffsetAt)..]);
        if (entries is 0 or > MaxEntries)
        {
            throw new InvalidDataException($"the archive has {entries} entries; 1 to {MaxEntries} are allowed");
        }

        if (offset > zip.Length || zip.Length - offset > MaxDirectoryBytes)
        {
            throw new InvalidDataException($"the archive's directory is larger than {MaxDirectoryBytes} bytes, or outside of it");
        }
    }

    private static void CheckName(ZipArchiveEntry entry)
    {
        const int UnixTypeMask = 0xF000;
        const int UnixRegularFile = 0x8000;
        var name = entry.FullName;
        var isFlat = name.Length is > 0 and <= 255 && name.AsSpan().IndexOfAny("/\\:\0") < 0 && !name.StartsWith('.') && !name.Any(char.IsControl);
        if (!isFlat || !AllowedExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase))
        {
            throw new InvalidDataException($"the archive contains an entry named '{Printable(name)}', which is not a plain tokenizer file");
        }

        var unixType = (entry.ExternalAttributes >> 16) & UnixTypeMask;
        if (unixType != 0 && unixType != UnixRegularFile)
        {
            throw new InvalidDataException($"the archive's entry '{name}' is not a regular file");
        }
    }

    private static byte[] Inflate(ZipArchiveEntry entry)
    {
        // The declared size is not trusted: the initial capacity is limited to what the compressed bytes can expand to, and the final size must
        // match.
        var target = new MemoryStream((int)Math.Min(entry.Length, (entry.CompressedLength * MaxExpansion) + MaxExpansion));
        var chunk = new byte[81920];
        var crc = Crc32.Initial;
        using var source = entry.Open();
        int read;
        while ((read = source.Read(chunk)) > 0)
        {
            if (target.Length + read > entry.Length)
            {
                throw new InvalidDataException($"the archive's entry '{entry.FullName}' inflates to more than the {entry.Length} bytes it declares");
            }

            crc = Crc32.Append(crc, chunk.AsSpan(0, read));
            target.Write(chunk, 0, read);
        }

        if (target.Length != entry.Length || Crc32.Finish(crc) != entry.Crc32)
        {
            throw new InvalidDataException($"the archive's entry '{entry.FullName}' does not match its declared size and checksum");
        }

        return target.Length == target.Capacity ? target.GetBuffer() : target.ToArray();
    }

    private static string Printable(string name) => string.Concat(name.Take(100).Select(static c => char.IsControl(c) ? '?' : c));
}

/// <summary>The CRC-32 of zip files (ISO 3309, reversed polynomial 0xEDB88320).</summary>
internal static class Crc32
{
    public const uint Initial = 0xFFFFFFFF;

    private static readonly uint[] Table = CreateTable();

    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var b in data)
        {
            crc = Table[(byte)(crc ^ b)] ^ (crc >> 8);
        }

        return crc;
    }

    public static uint Finish(uint crc) => ~crc;

    private static uint[] CreateTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < table.Length; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320 : value >> 1;
            }

            table[i] = value;
        }

        return table;
    }
}
