using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>The places of media in prompts: which token marks one, how many tokens it becomes, and how many a prompt may have.</summary>
internal static class MediaPlaces
{
    public static string NameOf(MediaKind kind) => kind switch
    {
        MediaKind.Video => "video",
        MediaKind.Audio => "audio",
        _ => "image",
    };

    public static string AnchorOf(this VllmTestServerOptions options, MediaKind kind) => kind switch
    {
        MediaKind.Video => options.VideoAnchor,
        MediaKind.Audio => options.AudioAnchor,
        _ => options.ImageAnchor,
    };

    public static int TokensOf(this VllmTestServerOptions options, MediaKind kind) => kind switch
    {
        MediaKind.Video => options.TokensPerVideo,
        MediaKind.Audio => options.TokensPerAudio,
        _ => options.TokensPerImage,
    };

    public static int LimitOf(this VllmTestServerOptions options, MediaKind kind) => kind switch
    {
        MediaKind.Video => options.MaxVideos,
        MediaKind.Audio => options.MaxAudios,
        _ => options.MaxImages,
    };

    /// <summary>
    /// Puts the k-th item of each kind in the place of the k-th anchor of that kind. Anchors too many stay as they are, as on the real servers.
    /// Returns the tokens added, or the first kind that has too few anchors.
    /// </summary>
    public static (int Extra, MediaKind? Missing, int Anchors, int Items) Place(VllmTestServerOptions options, Func<string, int?> findToken, int[] prompt, IEnumerable<MediaKind> kinds)
    {
        var extra = 0;
        foreach (var group in kinds.GroupBy(kind => kind))
        {
            // A model without such a token has no place for the item either.
            var anchors = findToken(options.AnchorOf(group.Key)) is { } anchor ? prompt.Count(id => id == anchor) : 0;
            var items = group.Count();
            if (anchors < items)
            {
                return (0, group.Key, anchors, items);
            }

            extra += items * (options.TokensOf(group.Key) - 1);
        }

        return (extra, null, 0, 0);
    }
}
