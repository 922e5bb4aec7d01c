using System.Net;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads Kimi K3's call and argument elements.</summary>
internal sealed class KimiK3Reader(ReaderContext context) : BlockReader
{
    private const string Sep = "<|sep|>";
    private const string OpenCall = "<|open|>call ";
    private const string OpenArgument = "<|open|>argument ";
    private const string CloseArgument = "<|close|>argument<|sep|>";
    private const string CloseCall = "<|close|>call<|sep|>";
    private const string CloseTools = "<|close|>tools<|sep|>";
    private const int MaxHeader = 4096;

    private static readonly Transitions Table = new(
        nameof(KimiK3Reader),
        (nameof(Open), nameof(Header)),
        (nameof(Header), nameof(Body)),
        (nameof(Body), nameof(InValue)), (nameof(Body), nameof(Close)),
        (nameof(InValue), nameof(Body)),
        (nameof(Close), nameof(Open)));

    private static readonly string[] Calls = [OpenCall, CloseTools];
    private static readonly string[] Parts = [OpenArgument, CloseCall];
    private static readonly string[] Nested = [OpenArgument, CloseArgument];
    private static readonly string[] Seps = [Sep];

    public override Transitions Transitions => Table;

    protected override BlockState First(ReadOnlySpan<char> opener) =>
        opener.EndsWith(Sep, StringComparison.Ordinal) ? new Open() : new Header(Position);

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final)
    {
        if (state is Close close)
        {
            return ReadClose(close, block, OpenCall, Calls, final);
        }

        var marks = state switch { Open => Calls, Header => Seps, Body => Parts, _ => Nested };
        var at = Lookahead.First(block, Position, marks, out var length, out var safe);
        if (at < 0)
        {
            Position = safe;
            return ReadResult.More;
        }

        var start = Position;
        Position = at + length;
        var isFirst = block.Slice(at, length).SequenceEqual(marks[0]);
        switch (state)
        {
            case Open when isFirst:
                return Go(new Header(Position));
            case Open:
                return IsEmptyUpTo(block, at) ? ReadResult.End(Position) : Reject(Position, Position);
            case Header header:
                var name = Attribute(block[header.Start..at], "tool");
                return name.Length == 0 ? Reject(at) : Go(new Body(new CallDraft(name, context.Schema(name))));
            case Body body when !isFirst:
                return Go(new Close(body.Call.ToCall()));
            case Body body:
                var end = block[Position..].IndexOf(Sep, StringComparison.Ordinal);
                if (end < 0)
                {
                    Position = start;
                    return block.Length - at > MaxHeader ? Reject(block.Length) : ReadResult.More;
                }

                var argument = block.Slice(Position, end);
                Position += end + Sep.Length;
                return Go(new InValue(body.Call, Attribute(argument, "key"), Attribute(argument, "type"), Position));
            default:
                return ReadMark((InValue)state, block, at, isFirst);
        }
    }

    /// <summary>A mark inside a value: an argument of a call that it quotes begins or ends, or the value ends.</summary>
    private ReadResult? ReadMark(InValue value, ReadOnlySpan<char> block, int at, bool opens)
    {
        if (opens)
        {
            value.Quoted.Add(CloseArgument);
        }
        else if (value.Quoted.Count > 0)
        {
            value.Quoted.RemoveAt(value.Quoted.Count - 1);
        }
        else
        {
            value.Call.Arguments.Set(value.Key, ToJson(value.Type, block[value.Start..at]));
            return Go(new Body(value.Call));
        }

        return null;
    }

    private static string ToJson(string? type, ReadOnlySpan<char> value) =>
        (type is null or "" or "string" ? null : JsonText.Canonical(value)) ?? JsonText.Quote(value);

    private static string Attribute(ReadOnlySpan<char> header, string name)
    {
        var at = header.IndexOf(name + "=\"", StringComparison.Ordinal);
        var value = at < 0 ? [] : header[(at + name.Length + 2)..];
        var end = value.IndexOf('"');
        return end < 0 ? "" : WebUtility.HtmlDecode(value[..end].ToString());
    }
}
