namespace Connectors.Vllm;

/// <summary>How far the download of one of a model's small files has come.</summary>
/// <param name="File">The file's name in the repository.</param>
/// <param name="BytesReceived">Bytes on disk so far, including what an earlier attempt left.</param>
/// <param name="TotalBytes">The file's size in bytes; <see langword="null"/> when the hub does not tell.</param>
public readonly record struct ModelDownloadProgress(string File, long BytesReceived, long? TotalBytes);
