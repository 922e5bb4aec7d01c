namespace Connectors.Vllm.OutputParsing;

/// <summary>Chooses between pairs and JSON by what follows the call's own marker, which may stand behind the section's.</summary>
internal sealed class K2HorizonReader(CallReader json, CallReader pairs) : CallReader
{
    private static readonly string[] CallOpen = ["<ifm|tool_call>"];
    private CallReader? _chosen;
    private string _opener = "";
    private int _position;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _opener = opener.ToString();
        _position = openerLength;
        _chosen = null;
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (_chosen is null)
        {
            if (!Lookahead.SkipTexts(block, ref _position, CallOpen, final) || (_position == block.Length && !final))
            {
                return ReadResult.More;
            }

            _chosen = _position < block.Length && block[_position] == '{' ? json : pairs;
            _chosen.Begin(_opener, _opener.Length);
        }

        return _chosen.Read(block, final);
    }
}
