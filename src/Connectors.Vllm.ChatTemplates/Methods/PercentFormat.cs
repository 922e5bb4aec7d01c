using System.Globalization;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>The operator <c>text % values</c>.</summary>
internal sealed class PercentFormat
{
    private const int MaxDigits = 8;
    private const int MaxArgument = 100_000_000;

    private readonly RenderContext _context;
    private readonly Str _format;
    private readonly string _source;
    private readonly Value _values;
    private readonly Value[] _arguments;
    private int _at;
    private int _used;

    private PercentFormat(RenderContext context, Str format, Value values)
    {
        _context = context;
        _format = format;
        _source = format.Text;
        _values = values;
        _arguments = values.Object is PySequence { IsTuple: true } tuple ? tuple.Items : [values];
    }

    /// <summary>Evaluates the operator: a string is a format, anything else must be a number.</summary>
    public static Value Modulo(RenderContext context, Value left, Value right) =>
        left.TryGetStr(out var format) ? Format(context, format, right) : PyArithmetic.Modulo(context, left, right);

    public static Value Format(RenderContext context, Str format, Value values) => new PercentFormat(context, format, values).Run();

    private Value Run()
    {
        // All conversions are done first, because they use the output buffer for intermediate text.
        _context.SpendText(_source.Length);
        var pieces = new List<Str>();
        while (_at < _source.Length)
        {
            var next = _source.IndexOf('%', _at);
            var end = next < 0 ? _source.Length : next;
            pieces.Add(_format.Slice(_at, end - _at));
            _at = end;
            if (next >= 0)
            {
                _at++;
                pieces.Add(ReadItem());
            }
        }

        RequireAllUsed();
        var output = _context.Output;
        var start = output.Length;
        foreach (var piece in pieces)
        {
            output.Append(piece);
        }

        return Value.Of(output.Cut(start, _format.IsMarkup));
    }

    /// <summary>
    /// Throws for unused arguments. Values with items (a mapping, a list, also undefined) may be unused; a tuple or a scalar may not.
    /// </summary>
    private void RequireAllUsed()
    {
        var mayBeLeft = _values.Object is PyDict or RangeObject || _values.Kind is ValueKind.List or ValueKind.Undefined;
        if (_used < _arguments.Length && !mayBeLeft)
        {
            throw new PyException("not all arguments converted during string formatting");
        }
    }

    /// <summary>Reads one conversion, starting after its percent sign, and returns its text.</summary>
    private Str ReadItem()
    {
        var keyed = ReadKey();
        var (isLeft, hasZero, sign, isAlternate) = ReadFlags();
        var width = ReadNumber(out var widthIsArgument);
        isLeft |= widthIsArgument && width < 0;
        var precision = -1;
        if (At('.'))
        {
            _at++;
            precision = Math.Max(0, ReadNumber(out _));
        }

        // Length modifiers of C, which Python ignores.
        while (_at < _source.Length && _source[_at] is 'l' or 'h' or 'L')
        {
            _at++;
        }

        if (_at >= _source.Length)
        {
            throw new PyException("incomplete format");
        }

        var type = _source[_at++];
        if (type == '%')
        {
            return _format.Slice(_at - 1, 1);
        }

        var isText = type is 's' or 'r' or 'a' or 'c';
        var padsWithZeros = hasZero && !isText;
        return Convert(_context, keyed ?? TakeArgument(), type, _format.IsMarkup, new FormatSpec
        {
            Fill = padsWithZeros && !isLeft ? "0" : " ",
            Align = isLeft ? '<' : padsWithZeros ? '=' : '>',
            Sign = isText ? '-' : sign,
            Alternate = isAlternate && !isText,
            Width = Math.Abs(width),
            Precision = precision,
            IsPercent = true,
            Type = type switch { 'i' or 'u' or 'd' => 'd', 's' or 'r' or 'a' => 's', _ => type },
        });
    }

    /// <summary>Reads the value of a key in parentheses, or null if there is none.</summary>
    private Value? ReadKey()
    {
        if (!At('('))
        {
            return null;
        }

        var close = _source.IndexOf(')', _at);
        if (_values.Object is not PyDict mapping || close < 0)
        {
            throw new PyException("format requires a mapping");
        }

        var key = _source[(_at + 1)..close];
        _at = close + 1;
        return mapping.TryGet(key, out var found) ? found : throw new PyException($"KeyError: '{key}'");
    }

    private (bool IsLeft, bool HasZero, char Sign, bool IsAlternate) ReadFlags()
    {
        var (isLeft, hasZero, sign, isAlternate) = (false, false, '-', false);
        for (; _at < _source.Length && _source[_at] is '-' or '0' or '+' or ' ' or '#'; _at++)
        {
            isLeft |= _source[_at] == '-';
            hasZero |= _source[_at] == '0';
            isAlternate |= _source[_at] == '#';
            sign = _source[_at] == '+' ? '+' : _source[_at] == ' ' && sign != '+' ? ' ' : sign;
        }

        return (isLeft, hasZero, sign, isAlternate);
    }

    /// <summary>Reads a width or precision: digits, nothing (0), or a star for the next argument.</summary>
    private int ReadNumber(out bool isArgument)
    {
        isArgument = At('*');
        if (isArgument)
        {
            _at++;
            return TakeArgument() is { IsInt: true } given
                ? (int)Math.Clamp(given.Number, -MaxArgument, MaxArgument)
                : throw new PyException("* wants int");
        }

        var start = _at;
        while (_at < _source.Length && char.IsAsciiDigit(_source[_at]))
        {
            _at++;
        }

        return _at == start ? 0
            : _at - start <= MaxDigits ? int.Parse(_source.AsSpan(start, _at - start), CultureInfo.InvariantCulture)
            : throw new PyException("width too big");
    }

    private bool At(char unit) => _at < _source.Length && _source[_at] == unit;

    private Value TakeArgument() =>
        _used < _arguments.Length ? _arguments[_used++] : throw new PyException("not enough arguments for format string");

    private static Str Convert(RenderContext context, Value value, char type, bool escape, FormatSpec spec)
    {
        switch (type)
        {
            case 's':
                var text = PyPrint.ToSoftStr(context, value);
                return spec.FormatText(context, escape ? HtmlEscape.Escape(context, text) : text);
            case 'r' or 'a':
                var start = context.Output.Length;
                if (type == 'a' && value.TryGetStr(out var ascii))
                {
                    StringRepr.Write(context, ascii, asciiOnly: true);
                }
                else
                {
                    PyPrint.WriteRepr(context, value, context.Output);
                }

                var repr = context.Output.Cut(start);
                return spec.FormatText(context, escape ? HtmlEscape.Escape(context, repr) : repr);
            case 'c' when value.TryGetStr(out var character):
                return Characters.Count(character.Text) == 1
                    ? new FormatSpec { Width = spec.Width, Align = spec.Align }.FormatText(context, character)
                    : throw new PyException("%c requires int or char");
            case 'd' or 'i' or 'u' when PyCompare.IsNumber(value.Kind):
                return spec.FormatInteger(context, value.IsFloat
                    ? PyNumber.ToBigInteger(PyNumber.FromDouble(value.Double))
                    : PyNumber.ToBigInteger(value));
            case 'x' or 'X' or 'o' or 'c' when PyCompare.IsNumber(value.Kind) && !value.IsFloat:
                return spec.FormatInteger(context, PyNumber.ToBigInteger(value));
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G' when PyCompare.IsNumber(value.Kind):
                return spec.FormatFloat(context, PyNumber.ToDouble(value));
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'c' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                PyOps.ThrowIfUndefined(value);
                throw new PyException($"%{type} format: a number is required, not {PyOps.TypeName(value)}");
            default:
                throw new PyException($"unsupported format character '{type}'");
        }
    }
}
