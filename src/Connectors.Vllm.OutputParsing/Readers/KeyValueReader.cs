using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>How calls stand as a name and pairs of key and value elements.</summary>
internal sealed record KeyValueSyntax
{
    /// <summary>Marker before the name.</summary>
    public required string CallOpen { get; init; }

    /// <summary>Marker after the pairs.</summary>
    public required string CallClose { get; init; }

    /// <summary>Text that may stand between name and pairs; empty when the format has none.</summary>
    public string NameEnd { get; init; } = "";

    public string KeyOpen { get; init; } = "<arg_key>";

    public string KeyClose { get; init; } = "</arg_key>";

    /// <summary>Marker before a value; empty where <see cref="KeyClose"/> is it.</summary>
    public string ValueOpen { get; init; } = "<arg_value>";

    public string ValueClose { get; init; } = "</arg_value>";

    /// <summary>Element that may tell the value's type; empty when the format has none.</summary>
    public string TypeOpen { get; init; } = "";

    public string TypeClose { get; init; } = "";

    /// <summary>Markers around several calls; they may be missing.</summary>
    public IReadOnlyList<string> SectionClosers { get; init; } = [];

    /// <summary>True: values without a known type are JSON or Python literals where they parse.</summary>
    public bool GuessesTypes { get; init; }
}

/// <summary>Reads calls written as a name and key/value pairs (GLM and its relatives).</summary>
internal sealed partial class KeyValueReader(ReaderContext context, KeyValueSyntax syntax) : BlockReader
{
    // A name or a key and the space around it; more is prose.
    private const int MaxHeader = 512;

    private static readonly Transitions Table = new(
        nameof(KeyValueReader),
        (nameof(Open), nameof(Header)),
        (nameof(Header), nameof(Body)), (nameof(Header), nameof(InValue)), (nameof(Header), nameof(InJson)),
        (nameof(Body), nameof(InValue)), (nameof(Body), nameof(Close)),
        (nameof(InValue), nameof(Body)),
        (nameof(InJson), nameof(Close)),
        (nameof(Close), nameof(Open)));

    private readonly string[] _opens = [syntax.CallOpen];
    private readonly string[] _behindName =
    [
        syntax.KeyOpen, syntax.CallClose, syntax.KeyClose, syntax.ValueClose,
        .. syntax.NameEnd.Length > 0 ? [syntax.NameEnd] : Array.Empty<string>(),
    ];
    private readonly string[] _inBody = [syntax.KeyOpen, syntax.CallClose, syntax.KeyClose];
    private readonly string[] _behindValue = [syntax.KeyOpen, syntax.CallClose];
    private readonly string[] _behindCall = [syntax.CallOpen, .. syntax.SectionClosers];
    private readonly string[] _inValue = [syntax.ValueClose, syntax.CallClose, syntax.CallOpen, syntax.KeyOpen];
    private readonly string[] _strays = [syntax.ValueClose, syntax.KeyClose];

    public override Transitions Transitions => Table;

    protected override BlockState First(ReadOnlySpan<char> opener) => opener.SequenceEqual(syntax.CallOpen) ? new Header(Position) : new Open();

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final) => state switch
    {
        Open => ReadOpen(block),
        Header header => ReadHeader(header, block, final),
        Body body => ReadBody(body, block, final),
        InValue value => ReadValue(value, block, final),
        InJson json => ReadJson(json, block, final),
        Close close when syntax.SectionClosers.Count == 0 => ReadResult.LastCall(close.Call, Position),
        _ => ReadClose((Close)state, block, syntax.CallOpen, _behindCall, final),
    };

    private ReadResult? ReadOpen(ReadOnlySpan<char> block)
    {
        Position = Lookahead.SkipSpace(block, Position);
        var length = Lookahead.Prefix(block[Position..], _opens, out var open);
        if (length == 0)
        {
            return open ? ReadResult.More : Reject(Position);
        }

        return Go(new Header(Position += length));
    }

    private ReadResult? ReadHeader(Header header, ReadOnlySpan<char> block, bool final)
    {
        if (BeginsJson(block, header.Start) is { } call)
        {
            return Go(call);
        }

        var isTag = SeekBracket(block);
        if (Position - header.Start > MaxHeader)
        {
            return Reject(header.Start + MaxHeader);
        }

        if (!isTag)
        {
            var line = block[header.Start..].Trim();
            return line.Contains('\n') && !BeginsWithTool(line) ? Reject(Position) : ReadResult.More;
        }

        var name = block[header.Start..Position].Trim();
        var rest = block[Position..];
        var length = Lookahead.Prefix(rest, _behindName, out var open);
        if (length == 0)
        {
            return open && !final ? ReadResult.More : Reject(Position);
        }

        var mark = rest[..length];
        if (mark.SequenceEqual(syntax.KeyClose) && Unglue(name) is { } found)
        {
            return ReadValueOpen(Draft(found.Tool), found.Key, block, Position + length, final);
        }

        // A name without arguments may as well be a word in prose, and a stray closer a part of it: then the tool must be a known one.
        var isBare = mark.SequenceEqual(syntax.CallClose);
        var isStray = mark.SequenceEqual(syntax.ValueClose) || mark.SequenceEqual(syntax.KeyClose);
        if (!Lookahead.IsName(name) || (isBare && !context.MayBe(name.ToString())) || (isStray && !context.IsDeclared(name.ToString())))
        {
            return Reject(Position);
        }

        Position += isStray || mark.SequenceEqual(syntax.NameEnd) ? length : 0;
        return Go(new Body(Draft(name.ToString())));
    }

    private ReadResult? ReadBody(Body body, ReadOnlySpan<char> block, bool final)
    {
        // Text between pairs is noise, unless it is a key that lost its opening tag.
        var start = Position;
        var at = Lookahead.First(block, Position, _inBody, out var length, out var safe);
        if (at < 0)
        {
            Position = Math.Max(Position, safe - MaxHeader);
            return ReadResult.More;
        }

        var mark = block.Slice(at, length);
        if (mark.SequenceEqual(syntax.CallClose))
        {
            Position = at + length;
            return Go(new Close(body.Call.ToCall()));
        }

        if (mark.SequenceEqual(syntax.KeyClose))
        {
            var key = block[start..at].Trim().ToString();
            if (body.Call.Schema.Declares(key))
            {
                return ReadValueOpen(body.Call, key, block, at + length, final);
            }

            Position = at + length;
            return null;
        }

        return ReadKey(body.Call, block, at, at + length, final);
    }

    /// <summary>Reads a complete key, starting with the tag at <paramref name="tag"/>, and moves to its value.</summary>
    private ReadResult? ReadKey(CallDraft call, ReadOnlySpan<char> block, int tag, int start, bool final)
    {
        var window = block[start..Math.Min(block.Length, start + MaxHeader)];
        var end = window.IndexOf(syntax.KeyClose, StringComparison.Ordinal);
        var value = syntax.ValueOpen.Length == 0 ? -1 : window.IndexOf(syntax.ValueOpen, StringComparison.Ordinal);
        if (value >= 0 && (end < 0 || value < end))
        {
            // The key's own closer is missing, or is another opener.
            var key = window[..value].Trim();
            key = key.EndsWith(syntax.KeyOpen, StringComparison.Ordinal) ? key[..^syntax.KeyOpen.Length].TrimEnd() : key;
            return ReadValueOpen(call, key.ToString(), block, start + value, final);
        }

        if (end < 0)
        {
            Position = tag;
            return window.Length < MaxHeader ? ReadResult.More : Reject(start + MaxHeader);
        }

        return ReadValueOpen(call, window[..end].Trim().ToString(), block, start + end + syntax.KeyClose.Length, final);
    }

    /// <summary>Moves to the value after a key; its type and its opening tag may be missing.</summary>
    private ReadResult? ReadValueOpen(CallDraft call, string key, ReadOnlySpan<char> block, int position, bool final)
    {
        string? type = null;
        if (syntax.ValueOpen.Length > 0)
        {
            var isTyped = false;
            if (syntax.TypeOpen.Length > 0 && !SkipMark(block, ref position, syntax.TypeOpen, final, out isTyped))
            {
                return ReadResult.More;
            }

            if (isTyped)
            {
                var end = block[position..].IndexOf(syntax.TypeClose, StringComparison.Ordinal);
                if (end < 0)
                {
                    return block.Length - position > MaxHeader ? Reject(block.Length) : ReadResult.More;
                }

                type = block.Slice(position, end).Trim().ToString();
                position += end + syntax.TypeClose.Length;
            }

            if (!SkipMark(block, ref position, syntax.ValueOpen, final, out var isOpened)
                || (!isOpened && !SkipWrongOpen(block, ref position, final)))
            {
                return ReadResult.More;
            }
        }

        Position = position;
        return Go(new InValue(call, key, type, position));
    }

    /// <summary>
    /// Skips the closing tag of a value that stands in the place of its opening one: what follows is no markup, so it is not an empty value. False
    /// when more characters are needed to know.
    /// </summary>
    private bool SkipWrongOpen(ReadOnlySpan<char> block, ref int position, bool final)
    {
        var at = position;
        if (!SkipMark(block, ref at, syntax.ValueClose, final, out var isWrong))
        {
            return false;
        }

        if (!isWrong)
        {
            return true;
        }

        var behind = Lookahead.SkipSpace(block, at);
        var isEmpty = Lookahead.Prefix(block[behind..], _behindValue, out var open) > 0;
        position = isEmpty ? position : at;
        return isEmpty || final || !open || behind - at >= Lookahead.MaxSpace;
    }

    /// <summary>Skips a mark and the space before it, where they are; false when more characters are needed to know.</summary>
    private static bool SkipMark(ReadOnlySpan<char> block, ref int position, string mark, bool final, out bool found)
    {
        var at = Lookahead.SkipSpace(block, position);
        found = block[at..].StartsWith(mark, StringComparison.Ordinal);
        position = found ? at + mark.Length : position;
        return found || final || at - position >= Lookahead.MaxSpace || !mark.AsSpan().StartsWith(block[at..], StringComparison.Ordinal);
    }
}
