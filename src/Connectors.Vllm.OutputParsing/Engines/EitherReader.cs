namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// Two formats that share their opener: the first character of the body tells which one it is. Models are often tuned on the one and asked, by
/// their template, for the other.
/// </summary>
internal sealed class EitherReader(CallReader json, CallReader other) : CallReader
{
    private CallReader? _chosen;
    private string _opener = "";
    private int _position;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _opener = opener.ToString();
        _position = openerLength;
        _chosen = opener[^1] is '>' or ']' ? null : other;
        _chosen?.Begin(opener, openerLength);
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (_chosen is null)
        {
            while (_position < block.Length && char.IsWhiteSpace(block[_position]))
            {
                _position++;
            }

            if (_position == block.Length && !final)
            {
                return ReadResult.More;
            }

            _chosen = _position < block.Length && block[_position] is '{' or '[' ? json : other;
            _chosen.Begin(_opener, _opener.Length);
        }

        return _chosen.Read(block, final);
    }
}
