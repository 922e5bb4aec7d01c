using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>How calls stand as a name and a dictionary with delimited strings.</summary>
/// <param name="Opener">The marker before a call.</param>
/// <param name="Delimiter">The delimiter before and after a string.</param>
/// <param name="Closers">Markers after a call.</param>
internal sealed record DictSyntax(string Opener, string Delimiter, IReadOnlyList<string> Closers);

/// <summary>
/// Reads calls such as <c>call:name{key:value,…}</c> (Gemma 4, FunctionGemma). Strings stand between the format's delimiters or in quotes;
/// whatever else begins a value is a word, up to the comma before the next key or the end of the dictionary or list around it. One token is taken
/// after the other, and none before it is whole.
/// </summary>
internal sealed partial class DictReader(ReaderContext context, DictSyntax syntax) : BlockReader
{
    private const int MaxHeader = 300;

    private static readonly Transitions Table = new(
        nameof(DictReader),
        (nameof(Header), nameof(AtKey)), (nameof(Header), nameof(Closer)),
        (nameof(AtKey), nameof(AtColon)), (nameof(AtKey), nameof(AtComma)), (nameof(AtKey), nameof(Closer)), (nameof(AtKey), nameof(Broken)),
        (nameof(AtColon), nameof(AtValue)), (nameof(AtColon), nameof(Broken)),
        (nameof(AtValue), nameof(AtKey)), (nameof(AtValue), nameof(AtValue)), (nameof(AtValue), nameof(AtComma)), (nameof(AtValue), nameof(Broken)),
        (nameof(AtComma), nameof(AtKey)), (nameof(AtComma), nameof(AtValue)), (nameof(AtComma), nameof(AtComma)), (nameof(AtComma), nameof(Closer)),
        (nameof(AtComma), nameof(Broken)));

    private readonly string[] _delimiters = [syntax.Delimiter];
    private readonly string[] _marks = [syntax.Delimiter, syntax.Opener, .. syntax.Closers];
    private readonly string[] _delimiterOrCloser = [syntax.Delimiter, .. syntax.Closers];

    public override Transitions Transitions => Table;

    protected override BlockState First(ReadOnlySpan<char> opener) => new Header(Position);

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final)
    {
        if (state is AtKey or AtColon or AtValue or AtComma)
        {
            Position = Lookahead.SkipAllSpace(block, Position);
            if (Position == block.Length)
            {
                return ReadResult.More;
            }
        }

        return state switch
        {
            Header header => ReadHeader(header, block, final),
            AtKey key => ReadKey(key, block, final),
            AtColon colon => ReadColon(colon.Call, block),
            AtValue value => ReadValue(value, block, final),
            AtComma comma => ReadComma(comma.Call, block),
            Broken broken => ReadBroken(broken.Call, block),
            _ => ReadCloser(((Closer)state).Call, block, final),
        };
    }

    private ReadResult? ReadHeader(Header header, ReadOnlySpan<char> block, bool final)
    {
        var at = block[header.Start..].IndexOfAny('{', '(', '<');
        if (at < 0 && block.Length - header.Start <= MaxHeader)
        {
            return ReadResult.More;
        }

        var text = at is < 0 or > MaxHeader ? [] : block.Slice(header.Start, at).Trim();
        var name = text.StartsWith("call") && text[4..].TrimStart() is [':', .. var behind] ? behind : text.StartsWith(":") ? text[1..] : text;
        var call = new DictCall(name.Trim().ToString(), header.Start + at);
        if (!Lookahead.IsName(call.Name))
        {
            return Reject(Position);
        }

        if (block[call.Start] != '<')
        {
            Position = call.Start;
            return Open(call, block[Position], context.Schema(call.Name).Root);
        }

        // A declared tool without brackets has no arguments.
        var closer = Lookahead.Prefix(block[call.Start..], syntax.Closers, out var open);
        if (closer == 0 || !context.IsDeclared(call.Name))
        {
            return open && !final ? ReadResult.More : Reject(Position);
        }

        call.Open.Push(new DictContainer('}', default));
        Position = call.Start;
        return Go(new Closer(call));
    }

    private ReadResult? Open(DictCall call, char bracket, SchemaNode schema)
    {
        call.Open.Push(new DictContainer(bracket switch { '{' => '}', '(' => ')', _ => ']' }, schema));
        Position++;
        return Go(bracket == '[' ? new AtValue(call) : new AtKey(call));
    }

    private ReadResult? ReadKey(AtKey key, ReadOnlySpan<char> block, bool final)
    {
        var call = key.Call;
        if (block[Position] == call.Inner.End)
        {
            return CloseInner(call);
        }

        if (block[Position] == ',')
        {
            Position++;
            return null;
        }

        if (TakeString(key, block, final, out var name) is not { } isString)
        {
            return ReadResult.More;
        }

        if (!isString)
        {
            var length = block[Position..].IndexOfAny(":=,{}()[]".AsSpan());
            if (length < 0)
            {
                return block.Length - Position > MaxHeader ? Go(new Broken(call)) : ReadResult.More;
            }

            name = block.Slice(Position, length).Trim().Trim('"').ToString();
            Position += length;
        }

        call.Inner.Key = name;
        return Go(name.Length == 0 ? new Broken(call) : new AtColon(call));
    }

    private ReadResult? ReadColon(DictCall call, ReadOnlySpan<char> block)
    {
        if (block[Position] is not (':' or '='))
        {
            return Go(new Broken(call));
        }

        Position++;
        return Go(new AtValue(call));
    }

    private ReadResult? ReadValue(AtValue value, ReadOnlySpan<char> block, bool final)
    {
        var (call, inner) = (value.Call, value.Call.Inner);
        if (inner.IsList && block[Position] == inner.End)
        {
            return CloseInner(call);
        }

        if (TakeString(value, block, final, out var text) is not { } isString)
        {
            return ReadResult.More;
        }

        if (isString)
        {
            // A delimited string stays one, unless the schema allows none.
            var types = inner.ValueSchema.Types;
            inner.Add(types == ValueTypes.Unknown || types.HasFlag(ValueTypes.Text) ? JsonText.Quote(text) : ValueCoercer.Coerce(text, types));
            inner.MayLackComma = true;
            return Go(new AtComma(call));
        }

        if (block[Position] is '{' or '[')
        {
            return call.Open.Count >= JsonText.MaxDepth ? Go(new Broken(call)) : Open(call, block[Position], inner.ValueSchema);
        }

        if (WordEnd(value, block, final) is not { } end)
        {
            return ReadResult.More;
        }

        inner.Add(Bare(Plain(block[Position..end].Trim()), inner.ValueSchema.Types));
        Position = end;
        return Go(new AtComma(call));
    }

    private ReadResult? ReadComma(DictCall call, ReadOnlySpan<char> block)
    {
        var inner = call.Inner;
        if (block[Position] == inner.End)
        {
            return CloseInner(call);
        }

        if (block[Position] == ',')
        {
            Position++;
        }
        else if (!inner.MayLackComma || block[Position] is '}' or ']' or ')' or ':' or '=' || IsMark(block[Position..]))
        {
            return Go(new Broken(call));
        }

        inner.MayLackComma = false;
        return Go(inner.IsList ? new AtValue(call) : new AtKey(call));
    }

    private ReadResult? CloseInner(DictCall call)
    {
        Position++;
        if (call.Open.Count == 1)
        {
            return Go(new Closer(call));
        }

        var json = call.Open.Pop().ToJson();
        call.Inner.Add(json);
        call.Inner.MayLackComma = !call.Inner.IsList;
        return Go(new AtComma(call));
    }

    private ReadResult? ReadBroken(DictCall call, ReadOnlySpan<char> block)
    {
        var closer = Lookahead.First(block, Position, syntax.Closers, out var length, out var safe);
        Position = closer < 0 ? safe : closer;
        return closer < 0 ? ReadResult.More
            : ReadResult.LastCall(ParsedCall.Malformed(call.Name, block[call.Start..closer], "The arguments are not a dictionary."), closer + length);
    }

    private ReadResult? ReadCloser(DictCall call, ReadOnlySpan<char> block, bool final)
    {
        var surplus = SkipSurplus(block, Position);
        var end = SkipCloser(block, surplus, syntax.Closers, final);
        if (end < 0)
        {
            return ReadResult.More;
        }

        // JSON keeps the model's spelling.
        var body = block[call.Start..Position];
        using var json = body.Contains(syntax.Delimiter, StringComparison.Ordinal) ? null : JsonText.ParseCall(body);
        return ReadResult.LastCall(ParsedCall.Of(call.Name, json is null ? call.Inner.ToJson() : json.RootElement.GetRawText()),
            end > surplus ? end : Position);
    }

    /// <summary>Whether a marker other than a delimiter is at the position.</summary>
    private bool IsMark(ReadOnlySpan<char> rest) => rest[0] == '<' && Lookahead.Prefix(rest, _delimiters, out var open) == 0 && !open;

    /// <summary>A call whose arguments are being read; they begin at <paramref name="start"/>.</summary>
    private sealed class DictCall(string name, int start)
    {
        public string Name => name;

        public int Start => start;

        /// <summary>The dictionaries and lists that are not closed yet.</summary>
        public Stack<DictContainer> Open { get; } = new();

        public DictContainer Inner => Open.Peek();

        /// <summary>False once brackets or quotes in a word turned out not to come in pairs.</summary>
        public bool WordsNest { get; set; } = true;
    }

    /// <summary>A dictionary or list that is not closed yet.</summary>
    private sealed class DictContainer(char end, SchemaNode schema)
    {
        private readonly ArgumentsWriter _members = new();
        private readonly StringBuilder _items = new();

        public char End => end;

        public bool IsList => end == ']';

        public string Key { get; set; } = "";

        /// <summary>The schema of the next member or item.</summary>
        public SchemaNode ValueSchema => IsList ? schema.Items : schema.Property(Key);

        /// <summary>True after a string, and in a dictionary after a list or dictionary: what follows is clear without a comma.</summary>
        public bool MayLackComma { get; set; }

        /// <summary>Whether a word may be a key here: a declared one, or nothing is known of them.</summary>
        public bool MayHold(string key) => schema.DeclaredCount == 0 || schema.Declares(key);

        public void Add(string json)
        {
            MayLackComma = false;
            if (IsList)
            {
                _items.Append(_items.Length > 0 ? ", " : "").Append(json);
            }
            else
            {
                _members.Set(Key, json);
            }
        }

        public string ToJson() => IsList ? $"[{_items}]" : _members.ToJson();
    }
}
