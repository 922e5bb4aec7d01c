using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Functions;

/// <summary>The functions available to every template: those of Jinja, <c>raise_exception</c> and <c>strftime_now</c>.</summary>
internal static class Globals
{
    private static readonly Signature RangeSignature = new("range", "/ start stop? step?");
    private static readonly Signature NowSignature = new("strftime_now", "format");
    private static readonly Signature RaiseSignature = new("raise_exception", "message");
    private static readonly Signature JoinerSignature = new("joiner", "sep?");
    private static readonly Signature LipsumSignature = new("lipsum", "n? html? min? max?");

    public static FrozenDictionary<string, Value> Table { get; } = new Dictionary<string, Value>
    {
        ["range"] = Function("range", Range),
        ["dict"] = Function("dict", (context, arguments) => Value.Of(MakeDict(context, "dict", arguments))),
        ["namespace"] = Function("namespace", (context, arguments) => Value.Of(new NamespaceObject(MakeDict(context, "namespace", arguments)))),
        ["cycler"] = Function("cycler", (_, arguments) =>
        {
            arguments.RequireNoKeywords("cycler");
            return arguments.Positional.Length > 0
                ? Value.Of(new Cycler(arguments.Positional))
                : throw new PyException("at least one item has to be provided");
        }),
        ["joiner"] = Function("joiner", (_, arguments) =>
            Value.Of(new Joiner(Method.Argument(arguments.Bind(JoinerSignature), 0) is { IsMissing: false } separator ? separator : Value.Of(", ")))),
        ["lipsum"] = Function("lipsum", (_, arguments) =>
        {
            arguments.Bind(LipsumSignature);
            throw new PyException("lipsum() creates random text, which has no place in a prompt; it is not available");
        }),
        ["raise_exception"] = Function("raise_exception", (context, arguments) =>
            throw new PyException(PyPrint.ToStr(context, arguments.Bind(RaiseSignature)[0]).Text)),
        ["strftime_now"] = Function("strftime_now", (context, arguments) =>
        {
            if (arguments.Bind(NowSignature)[0] is not { IsString: true } format)
            {
                throw new PyException("strftime_now() needs a format string");
            }

            context.Spend(format.Text.Length * 10L);
            return Value.Of(format.Str.Derive(TimeFormat.Format(context.Clock.GetLocalNow(), format.Text)));
        }),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static Value Function(string name, Func<RenderContext, CallArguments, Value> body) => Value.Of(new BuiltinFunction(name, body));

    private static Value Range(RenderContext context, CallArguments arguments)
    {
        var bounds = Array.ConvertAll(arguments.Bind(RangeSignature), value => value.Kind is ValueKind.Int or ValueKind.Bool
            ? value.Number
            : PyNumber.ToIndex(value, "range() arguments"));
        return Value.Of(bounds.Length == 1
            ? new RangeObject(0, bounds[0], 1)
            : new RangeObject(bounds[0], bounds[1], bounds.Length > 2 ? bounds[2] : 1));
    }

    private static PyDict MakeDict(RenderContext context, string name, CallArguments arguments)
    {
        if (arguments.Positional.Length > 1)
        {
            throw new PyException($"{name} expected at most 1 argument, got {arguments.Positional.Length}");
        }

        var dict = new PyDict();
        if (arguments.Positional.Length == 1)
        {
            CopyEntries(context, arguments.Positional[0], dict);
        }

        foreach (var keyword in arguments.Keywords)
        {
            dict.Set(Value.Of(keyword.Name), keyword.Value);
        }

        return dict;
    }

    private static void CopyEntries(RenderContext context, Value source, PyDict target)
    {
        if (source.Object is PyDict other)
        {
            for (var i = 0; i < other.Length; i++)
            {
                context.Spend(1);
                target.Set(other.Keys[i], other.Values[i]);
            }

            return;
        }

        foreach (var item in PyOps.ToArray(context, source))
        {
            var pair = PyOps.ToArray(context, item);
            if (pair.Length != 2)
            {
                throw new PyException($"dictionary update sequence element has length {pair.Length}; 2 is required");
            }

            target.Set(context, pair[0], pair[1]);
        }
    }
}

/// <summary>Jinja's <c>cycler(…)</c>.</summary>
internal sealed class Cycler(Value[] items) : PyObject
{
    private int _at;

    public override string TypeName => "Cycler";

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "current" => items[_at],
        "pos" => Value.Of(_at),
        "items" => PySequence.Tuple(items),
        "next" => Value.Of(new BuiltinFunction("next", (_, _) => Next())),
        "reset" => Value.Of(new BuiltinFunction("reset", (_, _) =>
        {
            _at = 0;
            return Value.None;
        })),
        _ => default,
    };

    private Value Next()
    {
        var item = items[_at];
        _at = (_at + 1) % items.Length;
        return item;
    }
}

/// <summary>Jinja's <c>joiner(sep)</c>: empty on the first call, the separator on all others.</summary>
internal sealed class Joiner(Value separator) : PyObject
{
    private bool _used;

    public override string TypeName => "Joiner";

    public override bool IsCallable => true;

    public override Value GetAttribute(RenderContext context, string name) => name switch
    {
        "sep" => separator,
        "used" => Value.Of(_used),
        _ => default,
    };

    public override Value Call(RenderContext context, CallArguments arguments)
    {
        if (arguments.Positional.Length + arguments.Keywords.Length > 0)
        {
            throw new PyException("a joiner takes no arguments");
        }

        var first = !_used;
        _used = true;
        return first ? Value.EmptyString : separator;
    }
}

/// <summary>glibc's strftime on a naive local time with English names, as Python's <c>datetime.now().strftime</c> prints it.</summary>
internal static class TimeFormat
{
    public static string Format(DateTimeOffset time, string format)
    {
        var output = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            var start = i++;
            var flag = format[i] is '-' or '_' or '0' or '^' or '#' ? format[i++] : '\0';
            var text = i < format.Length ? Field(time, format[i], flag) : null;
            output.Append(text ?? format[start..Math.Min(i + 1, format.Length)]);
        }

        return output.ToString();
    }

    private static string? Field(DateTimeOffset time, char field, char flag)
    {
        var culture = CultureInfo.InvariantCulture;
        var text = field switch
        {
            'Y' => Number(time.Year, 1, '0', flag),
            'y' => Number(time.Year % 100, 2, '0', flag),
            'C' => Number(time.Year / 100, 2, '0', flag),
            'm' => Number(time.Month, 2, '0', flag),
            'd' => Number(time.Day, 2, '0', flag),
            'e' => Number(time.Day, 2, ' ', flag),
            'H' => Number(time.Hour, 2, '0', flag),
            'k' => Number(time.Hour, 2, ' ', flag),
            'I' => Number(((time.Hour + 11) % 12) + 1, 2, '0', flag),
            'l' => Number(((time.Hour + 11) % 12) + 1, 2, ' ', flag),
            'M' => Number(time.Minute, 2, '0', flag),
            'S' => Number(time.Second, 2, '0', flag),
            'f' => (time.Ticks % TimeSpan.TicksPerSecond / 10).ToString("000000", culture),
            'j' => Number(time.DayOfYear, 3, '0', flag),
            'u' => Number(((int)time.DayOfWeek + 6) % 7 + 1, 1, '0', flag),
            'w' => Number((int)time.DayOfWeek, 1, '0', flag),
            'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2, '0', flag),
            'W' => Number((time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7, 2, '0', flag),
            'V' => Number(ISOWeek.GetWeekOfYear(time.DateTime), 2, '0', flag),
            'G' => Number(ISOWeek.GetYear(time.DateTime), 1, '0', flag),
            'g' => Number(ISOWeek.GetYear(time.DateTime) % 100, 2, '0', flag),
            'A' => culture.DateTimeFormat.GetDayName(time.DayOfWeek),
            'a' => culture.DateTimeFormat.GetAbbreviatedDayName(time.DayOfWeek),
            'B' => culture.DateTimeFormat.GetMonthName(time.Month),
            'b' or 'h' => culture.DateTimeFormat.GetAbbreviatedMonthName(time.Month),
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            's' => new DateTimeOffset(time.DateTime, time.Offset).ToUnixTimeSeconds().ToString(culture),
            'c' => Format(time, "%a %b %e %H:%M:%S %Y"),
            'x' or 'D' => Format(time, "%m/%d/%y"),
            'X' or 'T' => Format(time, "%H:%M:%S"),
            'R' => Format(time, "%H:%M"),
            'r' => Format(time, "%I:%M:%S %p"),
            'F' => Format(time, "%Y-%m-%d"),
            'n' => "\n",
            't' => "\t",
            'z' or 'Z' => "",
            '%' => "%",
            _ => null,
        };
        return flag == '^' ? text?.ToUpperInvariant()
            : flag == '#' && field == 'p' ? text?.ToLowerInvariant()
            : flag == '#' ? text?.ToUpperInvariant()
            : text;
    }

    private static string Number(int number, int width, char pad, char flag)
    {
        var text = number.ToString(CultureInfo.InvariantCulture);
        return flag == '-' ? text : text.PadLeft(width, flag == '_' ? ' ' : flag == '0' ? '0' : pad);
    }
}
