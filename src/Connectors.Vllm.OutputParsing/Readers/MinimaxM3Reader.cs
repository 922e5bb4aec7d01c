using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads MiniMax M3's nested elements; the schema determines the type of an element without children.</summary>
internal sealed class MinimaxM3Reader(ReaderContext context) : BlockReader
{
    private const int MaxDepth = 64;
    /// <summary>The token that announces every tag.</summary>
    public const string Mark = "]<]minimax[>[";

    private const string InvokeOpen = Mark + "<invoke ";
    private const string InvokeClose = Mark + "</invoke>";

    private static readonly Transitions Table = new(
        nameof(MinimaxM3Reader),
        (nameof(Open), nameof(InValue)),
        (nameof(InValue), nameof(Close)),
        (nameof(Close), nameof(Open)));

    private static readonly string[] Opens = [InvokeOpen];
    private static readonly string[] Invokes = [InvokeOpen + "name=", InvokeClose];
    private static readonly string[] BehindCall = [InvokeOpen, Mark + "</tool_call>"];

    public override Transitions Transitions => Table;

    protected override BlockState First(ReadOnlySpan<char> opener)
    {
        Position = opener[^1] == '>' ? Position : 0;
        return new Open();
    }

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final) => state switch
    {
        Open => ReadOpen(block),
        InValue value => ReadValue(value, block),
        _ => ReadClose((Close)state, block, InvokeOpen, BehindCall, final),
    };

    private ReadResult? ReadOpen(ReadOnlySpan<char> block)
    {
        var at = Lookahead.SkipSpace(block, Position);
        var length = Lookahead.Prefix(block[at..], Opens, out var open);
        if (length == 0)
        {
            return open || at == block.Length ? ReadResult.More : Reject(at);
        }

        Position = at + length;
        return Go(new InValue(new CallDraft("", ToolSchema.Unknown), "", null, Position));
    }

    /// <summary>The call is one value here: its elements, up to its own end.</summary>
    private ReadResult? ReadValue(InValue value, ReadOnlySpan<char> block)
    {
        var at = Lookahead.First(block, Position, Invokes, out var length, out var safe);
        Position = at < 0 ? safe : at + length;
        if (at < 0)
        {
            return ReadResult.More;
        }

        if (block[at..].StartsWith(InvokeOpen, StringComparison.Ordinal))
        {
            value.Quoted.Add(InvokeClose);
            return null;
        }

        if (value.Quoted.Count > 0)
        {
            value.Quoted.RemoveAt(value.Quoted.Count - 1);
            return null;
        }

        return Go(new Close(ToCall(block[value.Start..at])));
    }

    private ParsedCall ToCall(ReadOnlySpan<char> text)
    {
        var headerEnd = text.IndexOf('>');
        var header = headerEnd < 0 ? [] : text[..headerEnd];
        var quote = header.IndexOf('"');
        var name = quote >= 0 && header[(quote + 1)..].IndexOf('"') is >= 0 and var length ? header.Slice(quote + 1, length).ToString() : "";
        if (name.Length == 0)
        {
            return ParsedCall.Malformed("", text, "The call has no name.");
        }

        var body = text[(headerEnd + 1)..];
        var i = 0;
        var arguments = Children(body, ref i, context.Schema(name).Root, "", 0, out _);
        return ParsedCall.Of(name, arguments.ToJson());
    }

    /// <summary>Reads child elements up to the parent's end tag (or the end of the text, for what was not closed).</summary>
    private static ArgumentsWriter Children(ReadOnlySpan<char> text, ref int i, SchemaNode schema, string parent, int depth, out string mixed)
    {
        var members = new ArgumentsWriter();
        var repeated = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var outside = new StringBuilder();
        while (i < text.Length)
        {
            var at = text[i..].IndexOf(Mark, StringComparison.Ordinal);
            outside.Append(at < 0 ? text[i..] : text.Slice(i, at));
            i = at < 0 ? text.Length : i + at + Mark.Length;
            var tagEnd = at < 0 ? -1 : text[i..].IndexOf('>');
            if (tagEnd < 0)
            {
                break;
            }

            var tag = text.Slice(i, tagEnd).TrimStart('<');
            i += tagEnd + 1;
            if (tag.StartsWith("/", StringComparison.Ordinal))
            {
                if (tag[1..].SequenceEqual(parent))
                {
                    break;
                }

                continue;
            }

            var name = tag.ToString();
            var isItem = name == "item" && !schema.Declares(name);
            var value = Element(text, ref i, isItem ? schema.Items : schema.Property(name), name, depth);
            if (!repeated.TryGetValue(name, out var values))
            {
                repeated[name] = values = [];
            }

            values.Add(value);
            members.Set(name, value);
        }

        foreach (var (name, values) in repeated)
        {
            if (values.Count > 1)
            {
                members.Set(name, $"[{string.Join(", ", values)}]");
            }
        }

        mixed = outside.ToString();
        return members;
    }

    /// <summary>Where a text ends: at its closer, but not in a call that it quotes.</summary>
    private static int EndOfText(ReadOnlySpan<char> text, string close, out int closer)
    {
        string[] marks = [close, InvokeOpen, InvokeClose];
        var (first, quoted) = (-1, 0);
        for (var at = Lookahead.First(text, 0, marks, out closer, out _); at >= 0; at = Lookahead.First(text, at + closer, marks, out closer, out _))
        {
            var mark = text.Slice(at, closer);
            if (mark.SequenceEqual(close))
            {
                first = first < 0 ? at : first;
                if (quoted == 0)
                {
                    return at;
                }
            }
            else
            {
                quoted = Math.Max(0, quoted + (mark.SequenceEqual(InvokeOpen) ? 1 : -1));
            }
        }

        closer = first < 0 ? 0 : close.Length;
        return first < 0 ? text.Length : first;
    }

    private static string Element(ReadOnlySpan<char> text, ref int i, SchemaNode schema, string name, int depth)
    {
        if (depth >= MaxDepth || schema.Types == ValueTypes.Text)
        {
            // Elements in a text are its own.
            var raw = text.Slice(i, EndOfText(text[i..], $"{Mark}</{name}>", out var closer));
            i += raw.Length + closer;
            return JsonText.Quote(raw);
        }

        var children = Children(text, ref i, schema, name, depth + 1, out var mixed);
        if (children.Count == 0)
        {
            var types = schema.Types;
            return ValueCoercer.Coerce(mixed, types, types.HasFlag(ValueTypes.Text) && schema.HasTextMember(mixed));
        }

        if (children.Single is ("item", var items) && !schema.Declares("item"))
        {
            // One item that is an array itself must not be taken for the array of items.
            return children.Repeats ? items : $"[{items}]";
        }

        if (mixed.Trim().Length > 0)
        {
            children.Set("$text", JsonText.Quote(mixed));
        }

        return children.ToJson();
    }
}
