namespace Connectors.Vllm.Testing;

/// <summary>How response messages are laid out in HTTP/2 DATA frames.</summary>
public enum MessageDelivery
{
    /// <summary>Each message is flushed by itself, usually one DATA frame each.</summary>
    OneByOne,

    /// <summary>Messages are flushed eight at a time, so a DATA frame holds several.</summary>
    Together,

    /// <summary>Every DATA frame holds one byte.</summary>
    SingleBytes,

    /// <summary>Every DATA frame holds one byte, with a short pause between two frames.</summary>
    SlowDrip,
}
