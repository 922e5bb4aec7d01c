namespace Connectors.Vllm.Testing.Tests;

/// <summary>One HTTP/2 frame as it came off the socket.</summary>
internal sealed record Http2Frame(int Type, int Flags, int Stream, byte[] Payload)
{
    public const int Data = 0;
    public const int Headers = 1;
    public const int ResetStream = 3;
    public const int GoAway = 7;
}
