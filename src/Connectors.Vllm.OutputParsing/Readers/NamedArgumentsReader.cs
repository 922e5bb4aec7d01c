namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads an answer that is nothing but the arguments of the one tool the request named.</summary>
internal sealed class NamedArgumentsReader(ReaderContext context) : CallReader
{
    private BracketScanner _scanner;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength) => _scanner = BracketScanner.At(0);

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (block[0] == '{' && _scanner.Advance(block))
        {
            var call = JsonCalls.FromArguments(context.Options.ToolChoice.Name!, block[.._scanner.Position]);
            return ReadResult.LastCall(call, _scanner.Position);
        }

        return final || block[0] != '{' || _scanner.IsBroken ? ReadResult.Reject(1, _scanner.Position) : ReadResult.More;
    }
}
