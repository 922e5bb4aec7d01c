namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// Reads the calls of one block of markup. It sees all characters of the block that are not yet used up and keeps positions into them, so that no
/// character is looked at again because more arrived; positions count from the block's start, and from 0 again after each call.
/// </summary>
internal abstract class CallReader
{
    /// <summary>Starts a block that begins with <paramref name="openerLength"/> characters of marker.</summary>
    public abstract void Begin(ReadOnlySpan<char> opener, int openerLength);

    /// <summary>Goes on; <paramref name="final"/> says that no more characters will come.</summary>
    public abstract ReadResult Read(ReadOnlySpan<char> block, bool final);
}
