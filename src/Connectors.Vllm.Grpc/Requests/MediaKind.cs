namespace Connectors.Vllm.Grpc;

/// <summary>Kinds of media.</summary>
public enum MediaKind
{
    /// <summary>A still image.</summary>
    Image = 0,

    /// <summary>A video.</summary>
    Video = 1,

    /// <summary>A sound recording.</summary>
    Audio = 2,
}
