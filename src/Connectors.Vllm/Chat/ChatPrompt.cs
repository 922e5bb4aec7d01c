using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>A rendered prompt with everything that was learned on the way.</summary>
/// <param name="Text">The prompt.</param>
/// <param name="Content">Ranges of it that came from message content, in UTF-16 units.</param>
/// <param name="Boundaries">Offsets where it is encoded anew, in UTF-16 units; rising.</param>
/// <param name="Media">The media, in the order of their anchors.</param>
/// <param name="CallIds">Ids of earlier tool calls.</param>
internal sealed record ChatPrompt(
    string Text, IReadOnlyList<Range> Content, IReadOnlyList<int> Boundaries, IReadOnlyList<MediaItem> Media, IReadOnlySet<string> CallIds)
{
    /// <summary>Enough of the end to see whether a thought is open.</summary>
    private const int TailLength = 4096;

    public string Tail => Text.Length <= TailLength ? Text : Text[^TailLength..];
}
