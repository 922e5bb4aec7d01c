using System.Net;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>How a fetch ended: with bytes, with an HTTP status that is no success, or with neither.</summary>
/// <param name="Bytes">The body; null when there is none.</param>
/// <param name="Status">The HTTP status; null when the server did not answer.</param>
/// <param name="Problem">Why there is no answer; null when there is one.</param>
internal sealed record MediaFetch(byte[]? Bytes, HttpStatusCode? Status, string? Problem);
