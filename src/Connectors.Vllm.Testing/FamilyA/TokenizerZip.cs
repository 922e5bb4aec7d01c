using System.Buffers.Binary;
using System.IO.Compression;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>Builds the zip of GetTokenizer: a good one, and ones no client should unpack.</summary>
internal static class TokenizerZip
{
    // No round number: its bytes must not occur in the zip by chance.
    private const int LyingLength = 0x0412_3457;

    // A fixed time keeps the bytes equal from run to run.
    private static readonly DateTimeOffset EntryTime = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static byte[] Good(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files) => Zip(files);

    public static byte[] Escaping(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files) =>
        Zip(files.Append(new("../evil.json", "{}"u8.ToArray())));

    public static byte[] Crowded(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files) =>
        Zip(files.Concat(Enumerable.Range(0, 51 - files.Count).Select(i => new KeyValuePair<string, ReadOnlyMemory<byte>>($"filler{i}.jinja", "x"u8.ToArray()))));

    /// <summary>An entry of some 65 MiB of blanks whose headers declare 100 bytes.</summary>
    public static byte[] Lying()
    {
        var zip = Zip([new("tokenizer.json", new byte[LyingLength])]);
        Span<byte> real = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(real, LyingLength);
        for (var at = zip.AsSpan().IndexOf(real); at >= 0;)
        {
            BinaryPrimitives.WriteInt32LittleEndian(zip.AsSpan(at), 100);
            var next = zip.AsSpan(at + 4).IndexOf(real);
            at = next < 0 ? -1 : at + 4 + next;
        }

        return zip;
    }

    private static byte[] Zip(IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> files)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in files)
            {
                var entry = archive.CreateEntry(name, CompressionLevel.Optimal);
                entry.LastWriteTime = EntryTime;
                using var stream = entry.Open();
                stream.Write(bytes.Span);
            }
        }

        return buffer.ToArray();
    }
}
