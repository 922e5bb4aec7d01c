using System.Globalization;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary><c>str.format</c> and <c>str.format_map</c>, with attribute and item access under the sandbox's rules.</summary>
internal sealed class BraceFormat(RenderContext context, bool escape, CallArguments arguments, PyDict? mapping = null)
{
    private const int MaxNesting = 2;

    private int _next;

    public static Str FormatMap(RenderContext context, Str format, CallArguments arguments)
    {
        arguments.RequireNoKeywords("format_map");
        return arguments.Positional is [{ Object: PyDict dict }]
            ? new BraceFormat(context, format.IsMarkup, CallArguments.None, dict).Format(format)
            : throw new PyException("format_map() takes exactly one mapping");
    }

    public Str Format(Str format)
    {
        var pieces = new List<Str>();
        Collect(format, pieces, MaxNesting);
        return Joined(pieces, format.IsMarkup);
    }

    private Str Joined(List<Str> pieces, bool isMarkup)
    {
        var output = context.Output;
        var start = output.Length;
        foreach (var piece in pieces)
        {
            output.Append(piece);
        }

        return output.Cut(start, isMarkup);
    }

    private void Collect(Str format, List<Str> pieces, int nesting)
    {
        if (nesting == 0)
        {
            throw new PyException("Max string recursion exceeded");
        }

        var source = format.Text;
        context.SpendText(source.Length);
        for (var at = 0; at < source.Length;)
        {
            var next = source.AsSpan(at).IndexOfAny('{', '}');
            if (next < 0)
            {
                pieces.Add(format.Slice(at, source.Length - at));
                return;
            }

            next += at;
            if (next + 1 < source.Length && source[next + 1] == source[next])
            {
                pieces.Add(format.Slice(at, next + 1 - at));
                at = next + 2;
                continue;
            }

            if (source[next] == '}')
            {
                throw new PyException("Single '}' encountered in format string");
            }

            pieces.Add(format.Slice(at, next - at));
            var end = EndOfField(source, next + 1);
            pieces.Add(Field(format.Slice(next + 1, end - next - 1), nesting));
            at = end + 1;
        }
    }

    private static int EndOfField(string source, int at)
    {
        for (var depth = 1; at < source.Length; at++)
        {
            depth += source[at] == '{' ? 1 : source[at] == '}' ? -1 : 0;
            if (depth == 0)
            {
                return at;
            }
        }

        throw new PyException("expected '}' before end of string");
    }

    private Str Field(Str whole, int nesting)
    {
        context.Spend(1);
        var field = whole.Text;
        var colon = -1;
        var bang = -1;
        for (int i = 0, bracket = 0; i < field.Length && colon < 0 && bang < 0; i++)
        {
            bracket += field[i] == '[' ? 1 : field[i] == ']' ? -1 : 0;
            colon = field[i] == ':' && bracket <= 0 ? i : -1;
            bang = field[i] == '!' && bracket <= 0 ? i : -1;
        }

        var name = field[..(bang >= 0 ? bang : colon >= 0 ? colon : field.Length)];
        var conversion = '\0';
        Str spec = "";
        if (bang >= 0)
        {
            if (bang + 1 >= field.Length || (bang + 2 < field.Length && field[bang + 2] != ':'))
            {
                throw new PyException("expected ':' after conversion specifier");
            }

            conversion = field[bang + 1];
            spec = bang + 3 <= field.Length ? whole.Slice(bang + 3, field.Length - bang - 3) : "";
        }
        else if (colon >= 0)
        {
            spec = whole.Slice(colon + 1, field.Length - colon - 1);
        }

        var value = Convert(Lookup(name), conversion);
        if (spec.Text.AsSpan().ContainsAny('{', '}'))
        {
            var nested = new List<Str>();
            Collect(spec, nested, nesting - 1);
            spec = Joined(nested, isMarkup: false);
        }

        var text = spec.Length == 0 ? PyPrint.ToSoftStr(context, value) : FormatSpec.Parse(spec).Format(context, value);
        return escape ? HtmlEscape.Escape(context, text) : text;
    }

    private Value Convert(Value value, char conversion)
    {
        var start = context.Output.Length;
        switch (conversion)
        {
            case '\0':
                return value;
            case 's':
                return Value.Of(PyPrint.ToStr(context, value));
            case 'a' when value.TryGetStr(out var text):
                StringRepr.Write(context, text, asciiOnly: true);
                break;
            case 'r' or 'a':
                PyPrint.WriteRepr(context, value, context.Output);
                break;
            default:
                throw new PyException($"Unknown conversion specifier {conversion}");
        }

        return Value.Of(context.Output.Cut(start));
    }

    private Value Lookup(string path)
    {
        var at = path.AsSpan().IndexOfAny('.', '[');
        if (at == 0)
        {
            // The sandbox's formatter does not support attributes of automatically numbered fields.
            throw new PyException("KeyError: ''");
        }

        var value = First(at < 0 ? path : path[..at]);
        while (at >= 0 && at < path.Length)
        {
            if (path[at] == '.')
            {
                var end = path.AsSpan(at + 1).IndexOfAny('.', '[');
                end = end < 0 ? path.Length : at + 1 + end;
                value = end > at + 1
                    ? new AttributeName(path[(at + 1)..end]).Get(context, value)
                    : throw new PyException("Empty attribute in format string");
                at = end;
            }
            else
            {
                var close = path.IndexOf(']', at);
                if (close < at + 2)
                {
                    throw new PyException("Missing ']' in format string");
                }

                var key = path[(at + 1)..close];
                value = ItemAccess.Get(context, value, IsNumber(key) ? PyNumber.Parse(key) : Value.Of(key));
                at = close + 1;
                if (at < path.Length && path[at] is not ('.' or '['))
                {
                    throw new PyException("Only '.' or '[' may follow ']' in format field specifier");
                }
            }
        }

        return value;
    }

    private Value First(string name)
    {
        if (name.Length == 0 || IsNumber(name))
        {
            if (name.Length == 0 ? _next < 0 : _next > 0)
            {
                throw new PyException("cannot switch between manual and automatic field numbering");
            }

            var index = name.Length == 0 ? _next++ : int.Parse(name.Length < 9 ? name : "999999999", CultureInfo.InvariantCulture);
            _next = name.Length > 0 ? -1 : _next;
            return index < arguments.Positional.Length
                ? arguments.Positional[index]
                : throw new PyException("Replacement index out of range for positional args tuple");
        }

        if (mapping is not null)
        {
            return mapping.TryGet(name, out var item) ? item : throw new PyException($"KeyError: '{name}'");
        }

        foreach (var keyword in arguments.Keywords)
        {
            if (keyword.Name == name)
            {
                return keyword.Value;
            }
        }

        throw new PyException($"KeyError: '{name}'");
    }

    private static bool IsNumber(string text) => text.Length > 0 && text.All(char.IsAsciiDigit);
}
