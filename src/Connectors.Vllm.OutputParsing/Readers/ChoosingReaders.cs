namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Two formats that share their opener: the first character of the body tells which one it is. Models are often tuned on the one and asked, by
/// their template, for the other.
/// </summary>
/// <param name="json">Reads bodies that begin as JSON.</param>
/// <param name="other">Reads all others.</param>
/// <param name="inner">Markers that may stand between the opener and the body.</param>
internal sealed class EitherReader(CallReader json, CallReader other, params string[] inner) : CallReader
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
            if (!Lookahead.SkipTexts(block, ref _position, inner, final) || (_position == block.Length && !final))
            {
                return ReadResult.More;
            }

            _chosen = _position < block.Length && block[_position] is '{' or '[' ? json : other;
            _chosen.Begin(_opener, _opener.Length);
        }

        return _chosen.Read(block, final);
    }
}

/// <summary>Reads the header of an Inkling block: the marker after it determines whether a call, text or reasoning follows.</summary>
internal sealed class InklingReader(CallReader call) : CallReader
{
    private const string Invoke = "<|content_invoke_tool_json|>";
    private bool _inCall;
    private int _position;
    private int _openerLength;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _inCall = opener is Invoke;
        _openerLength = _position = openerLength;
        if (_inCall)
        {
            call.Begin(opener, openerLength);
        }
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (_inCall)
        {
            return call.Read(block, final);
        }

        var at = block[_position..].IndexOf('<');
        if (at < 0)
        {
            // A header is empty or the name of the role; any other text is a body without its marker.
            _position = block.Length;
            return final || _position > _openerLength + 256 ? ReadResult.End(_openerLength) : ReadResult.More;
        }

        _position += at;
        var rest = block[_position..];
        if (rest.StartsWith(Invoke, StringComparison.Ordinal))
        {
            _inCall = true;
            call.Begin(Invoke, _position + Invoke.Length);
            return call.Read(block, final);
        }

        if (!final && Invoke.AsSpan().StartsWith(rest, StringComparison.Ordinal))
        {
            return ReadResult.More;
        }

        return ReadResult.End(rest.StartsWith("<|content_", StringComparison.Ordinal) ? _position : _openerLength);
    }
}
