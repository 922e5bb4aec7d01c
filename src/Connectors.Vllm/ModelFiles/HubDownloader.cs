using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Downloads single files from a hub: resumes partial downloads, verifies the content against the hub's checksum (SHA-256 for large files, the git
/// blob's SHA-1 for small ones), and stores it where the Python library would.
/// </summary>
/// <remarks>
/// The client must not follow redirects by itself, because the first response contains the checksum, and the token must not be sent to another host.
/// </remarks>
internal sealed class HubDownloader(
    HttpClient client, HubSettings hub, ILogger logger, IProgress<ModelDownloadProgress>? progress, TimeSpan? silence = null)
{
    private const int MaxRedirects = 5;

    /// <summary>The idle timeout of a download; the timeout of the client does not cover the body.</summary>
    private readonly TimeSpan _idleTimeout = silence ?? TimeSpan.FromSeconds(60);

    public static HttpClient CreateClient() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10),
            AutomaticDecompression = DecompressionMethods.None })
        {
            Timeout = TimeSpan.FromMinutes(10),
        };

    public async Task<byte[]> GetSmallAsync(Uri address, int limit, CancellationToken cancellationToken)
    {
        (var response, _) = await SendAsync(HttpMethod.Get, address, null, cancellationToken).ConfigureAwait(false);
        using (response)
        {
            response.EnsureSuccessStatusCode();
            using var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            using var buffer = new MemoryStream();
            await CopyAsync(body, buffer, limit, null, cancellationToken).ConfigureAwait(false);
            return buffer.ToArray();
        }
    }

    /// <exception cref="InvalidDataException">The file exceeds the budget, or does not match its checksum.</exception>
    public async Task FetchAsync(
        string repository, string commit, string file, string folder, string snapshot, FileBudget budget, CancellationToken cancellationToken)
    {
        var target = Path.Combine(snapshot, file.Replace('/', Path.DirectorySeparatorChar));
        if (File.Exists(target))
        {
            return;
        }

        var path = string.Join('/', file.Split('/').Select(Uri.EscapeDataString));
        var address = new Uri(hub.Endpoint, $"/{repository}/resolve/{commit}/{path}");
        var tag = await ReadTagAsync(address, cancellationToken).ConfigureAwait(false);
        var blob = Path.Combine(folder, "blobs", tag);
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (!File.Exists(blob))
        {
            await DownloadAsync(address, file, blob, tag, budget, cancellationToken).ConfigureAwait(false);
        }

        Link(blob, target);
    }

    private async Task<string> ReadTagAsync(Uri address, CancellationToken cancellationToken)
    {
        (var response, var linkedTag) = await SendAsync(HttpMethod.Head, address, null, cancellationToken).ConfigureAwait(false);
        using (response)
        {
            response.EnsureSuccessStatusCode();
            var tag = linkedTag ?? response.Headers.ETag?.Tag ?? (response.Headers.TryGetValues("ETag", out var raw) ? raw.FirstOrDefault() : null);
            tag = tag?.Replace("W/", string.Empty, StringComparison.Ordinal).Trim('"');
            return tag is { Length: > 0 and <= 128 } && tag.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_')
                ? tag
                : throw new InvalidDataException($"{address} has no usable ETag.");
        }
    }

    private async Task DownloadAsync(
        Uri address, string file, string blob, string tag, FileBudget budget, CancellationToken cancellationToken)
    {
        var partial = blob + ".incomplete";
        for (var attempt = 0; ; attempt++)
        {
            await AppendAsync(address, file, partial, budget, cancellationToken).ConfigureAwait(false);
            if (await MatchesAsync(partial, tag, cancellationToken).ConfigureAwait(false))
            {
                break;
            }

            // The partial file may belong to another version, so the download is started once more from the beginning.
            File.Delete(partial);
            if (attempt > 0)
            {
                throw new InvalidDataException($"'{file}' from {hub.Endpoint} does not match its checksum {tag}.");
            }
        }

        budget.Take(file, new FileInfo(partial).Length);
        File.Move(partial, blob, overwrite: true);
    }

    private async Task AppendAsync(Uri address, string file, string partial, FileBudget budget, CancellationToken cancellationToken)
    {
        var present = File.Exists(partial) ? new FileInfo(partial).Length : 0;
        (var response, _) = await SendAsync(HttpMethod.Get, address, present > 0 ? present : null, cancellationToken).ConfigureAwait(false);
        using (response)
        {
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                return;
            }

            response.EnsureSuccessStatusCode();
            var resumed = response.StatusCode == HttpStatusCode.PartialContent;
            present = resumed ? present : 0;
            long? total = response.Content.Headers.ContentLength is long length ? length + present : null;
            budget.Check(file, total ?? present);
            Log.Downloading(logger, file, hub.Endpoint, total ?? -1, present);
            using var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            using var output = new FileStream(partial, resumed ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.None);
            await CopyAsync(
                body,
                output,
                budget.Left - present,
                progress is null ? null : written => progress.Report(new ModelDownloadProgress(file, present + written, total)),
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Follows redirects: keeps the checksum of the first response, and sends the token only to the hub's own host.</summary>
    private async Task<(HttpResponseMessage Response, string? LinkedTag)> SendAsync(
        HttpMethod method, Uri address, long? from, CancellationToken cancellationToken)
    {
        string? linkedTag = null;
        for (var hop = 0; ; hop++)
        {
            using var request = new HttpRequestMessage(method, address);
            if (hub.Token is not null && string.Equals(address.Authority, hub.Endpoint.Authority, StringComparison.OrdinalIgnoreCase)
                && address.Scheme == hub.Endpoint.Scheme)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", hub.Token);
            }

            if (from is long start)
            {
                request.Headers.Range = new RangeHeaderValue(start, null);
            }

            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            linkedTag ??= response.Headers.TryGetValues("X-Linked-Etag", out var values) ? values.FirstOrDefault() : null;
            if ((int)response.StatusCode is < 300 or >= 400 || response.Headers.Location is not { } location)
            {
                return (response, linkedTag);
            }

            response.Dispose();
            Uri next = new(address, location);
            if (hop >= MaxRedirects || (address.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps))
            {
                throw new HttpRequestException($"{address} redirects too often, or away from https.");
            }

            address = next;
        }
    }

    private async Task CopyAsync(Stream source, Stream target, long limit, Action<long>? written, CancellationToken cancellationToken)
    {
        var buffer = new byte[81920];
        long total = 0;
        int read;
        while ((read = await ReadAsync(source, buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            total += read;
            if (total > limit)
            {
                throw new InvalidDataException($"The download is larger than {limit} bytes.");
            }

            await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            written?.Invoke(total);
        }
    }

    private async ValueTask<int> ReadAsync(Stream source, byte[] buffer, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_idleTimeout);
        try
        {
            return await source.ReadAsync(buffer, timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException(
                $"{hub.Endpoint} sent nothing for {_idleTimeout.TotalSeconds:0.#} s in the middle of a file; the download resumes next time.", error);
        }
    }

    private static async Task<bool> MatchesAsync(string path, string tag, CancellationToken cancellationToken)
    {
        if (tag.Length is not (40 or 64) || !tag.All(char.IsAsciiHexDigit))
        {
            return true; // Not a content hash: nothing to compare with.
        }

        using var content = File.OpenRead(path);
        var hash = tag.Length == 64
            ? await SHA256.HashDataAsync(content, cancellationToken).ConfigureAwait(false)
            : await HashBlobAsync(content, cancellationToken).ConfigureAwait(false);
        return string.Equals(Convert.ToHexStringLower(hash), tag, StringComparison.OrdinalIgnoreCase);
    }

#pragma warning disable CA5350 // Git names blobs by SHA-1; this compares with git's name and protects nothing.
    private static async Task<byte[]> HashBlobAsync(FileStream content, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        var buffer = new byte[81920];
        int read;
        while ((read = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            hash.AppendData(buffer, 0, read);
        }

        return hash.GetHashAndReset();
    }
#pragma warning restore CA5350

    private static void Link(string blob, string target)
    {
        try
        {
            File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, blob));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException && !File.Exists(target))
        {
            File.Copy(blob, target);
        }
        catch (IOException) when (File.Exists(target))
        {
            // Another process has created it, with the same content.
        }
    }
}
