namespace Connectors.Vllm.Testing.Transport;

/// <summary>Unwinds a handler after a fault scene ended its call.</summary>
internal sealed class CallOverException : Exception
{
    public CallOverException()
        : base("A fault scene has ended this call.")
    {
    }
}
