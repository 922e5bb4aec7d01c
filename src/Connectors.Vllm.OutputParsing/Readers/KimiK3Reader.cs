using System.Net;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads Kimi K3's call and argument elements.</summary>
internal sealed class KimiK3Reader : CallReader
{
    private const string Sep = "<|sep|>";
    private const string CloseArgument = "<|close|>argument<|sep|>";
    private const string CloseCall = "<|close|>call<|sep|>";
    private static readonly string[] Between = ["<|open|>call ", "<|close|>tools<|sep|>"];
    private static readonly string[] InCall = ["<|open|>argument ", CloseCall];
    private readonly ArgumentsWriter _arguments = new();
    private State _state;
    private string _name = "";
    private string _key = "";
    private string _type = "";
    private int _openerLength;
    private int _position;
    private int _start;

    private enum State
    {
        Between,
        CallHeader,
        InCall,
        ArgumentHeader,
        Value,
        AfterCall,
    }

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = _position = _start = openerLength;
        _state = opener.EndsWith(Sep, StringComparison.Ordinal) ? State.Between : State.CallHeader;
        _arguments.Clear();
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            var texts = _state switch
            {
                State.Between or State.AfterCall => Between,
                State.InCall => InCall,
                State.Value => (string[])[CloseArgument],
                _ => [Sep],
            };
            if (_state == State.AfterCall)
            {
                var behind = Lookahead.SkipSpace(block, _position);
                var found = Lookahead.Prefix(block[behind..], texts, out var open);
                if (found == 0 && (open || behind == block.Length) && !final && behind - _position < Lookahead.MaxSpace)
                {
                    return ReadResult.More;
                }

                return AfterCall(block, behind, found);
            }

            var at = Lookahead.First(block, _position, texts, out var length, out var safe);
            if (at < 0)
            {
                _position = safe;
                return final ? ReadResult.Reject(Math.Max(1, _openerLength), block.Length) : ReadResult.More;
            }

            if (Step(block, at, length) is { } result)
            {
                return result;
            }
        }
    }

    private ReadResult? Step(ReadOnlySpan<char> block, int at, int length)
    {
        var end = at + length;
        switch (_state)
        {
            case State.Between:
                if (block.Slice(at, length) is "<|close|>tools<|sep|>")
                {
                    return block[_openerLength..at].IsWhiteSpace() ? ReadResult.End(end) : ReadResult.Reject(end, end);
                }

                _state = State.CallHeader;
                break;
            case State.CallHeader:
                _name = Attribute(block[_start..at], "tool");
                if (_name.Length == 0)
                {
                    return ReadResult.Reject(Math.Max(1, _openerLength), at);
                }

                _state = State.InCall;
                break;
            case State.InCall:
                _state = block.Slice(at, length) is CloseCall ? State.AfterCall : State.ArgumentHeader;
                break;
            case State.ArgumentHeader:
                _key = Attribute(block[_start..at], "key");
                _type = Attribute(block[_start..at], "type");
                _state = State.Value;
                break;
            default:
                _arguments.Set(_key, ToJson(block[_start..at]));
                _state = State.InCall;
                break;
        }

        _start = _position = end;
        return null;
    }

    private ReadResult AfterCall(ReadOnlySpan<char> block, int behind, int found)
    {
        var call = new ParsedCall(_name, _arguments.ToJson());
        _arguments.Clear();
        if (found == 0)
        {
            return ReadResult.LastCall(call, _position);
        }

        if (block.Slice(behind, found) is "<|close|>tools<|sep|>")
        {
            return ReadResult.LastCall(call, behind + found);
        }

        (_openerLength, _position, _start, _state) = (0, 0, 0, State.Between);
        return ReadResult.CallThenMore(call, behind);
    }

    private string ToJson(ReadOnlySpan<char> value)
    {
        if (_type is "" or "string")
        {
            return JsonText.Quote(value);
        }

        using var document = JsonText.Parse(value);
        return document is null ? JsonText.Quote(value) : value.Trim().ToString();
    }

    private static string Attribute(ReadOnlySpan<char> header, string name)
    {
        var at = header.IndexOf(name + "=\"", StringComparison.Ordinal);
        if (at < 0)
        {
            return "";
        }

        var value = header[(at + name.Length + 2)..];
        var end = value.IndexOf('"');
        return end < 0 ? "" : WebUtility.HtmlDecode(value[..end].ToString());
    }
}
