namespace Connectors.Vllm.Tokenizers;

/// <summary>Buffers for intermediate texts, kept per thread.</summary>
internal static class NormalizerBuffers
{
    private const int KeptBytes = 1 << 20;

    [ThreadStatic]
    private static Stack<Utf8Buffer>? s_spare;

    /// <summary>An empty buffer; give it back with <see cref="Return"/> on the same thread.</summary>
    public static Utf8Buffer Rent()
    {
        var spare = s_spare ??= new Stack<Utf8Buffer>();
        return spare.Count > 0 ? spare.Pop() : new Utf8Buffer();
    }

    public static void Return(Utf8Buffer buffer)
    {
        buffer.Trim(KeptBytes);
        s_spare!.Push(buffer);
    }
}
