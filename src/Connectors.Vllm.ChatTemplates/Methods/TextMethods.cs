using System.Collections.Frozen;
using System.Text;
using Connectors.Vllm.ChatTemplates.Syntax;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>The methods of str (and Markup). Each keeps the marks of the copied text.</summary>
internal static class TextMethods
{
    private static readonly FrozenDictionary<string, Method> Table = new[]
    {
        Simple("upper", PyStrings.Upper),
        Simple("lower", PyStrings.Lower),
        Simple("casefold", text =>
            PyStrings.Lower(text).Derive(PyStrings.Lower(text).Text.Replace("ß", "ss", StringComparison.Ordinal).Replace('ς', 'σ'))),
        Simple("capitalize", PyStrings.Capitalize),
        Simple("title", TextShape.Title),
        Simple("swapcase", text =>
            PyStrings.Map(text, rune => Rune.IsUpper(rune) ? Case.ToLower(rune.ToString())
                : Rune.IsLower(rune) ? Case.ToUpper(rune.ToString())
                : rune.ToString())),
        new("strip", "/ chars?", (context, self, arguments) => Strip(context, self, arguments, true, true)),
        new("lstrip", "/ chars?", (context, self, arguments) => Strip(context, self, arguments, true, false)),
        new("rstrip", "/ chars?", (context, self, arguments) => Strip(context, self, arguments, false, true)),
        new("startswith", "/ prefix start? end?", (context, self, arguments) => TextSearch.HasAffix(context, self.Str, arguments, atEnd: false)),
        new("endswith", "/ suffix start? end?", (context, self, arguments) => TextSearch.HasAffix(context, self.Str, arguments, atEnd: true)),
        new("find", "/ sub start? end?", (context, self, arguments) => Value.Of(TextSearch.Find(context, self.Str, arguments, last: false))),
        new("rfind", "/ sub start? end?", (context, self, arguments) => Value.Of(TextSearch.Find(context, self.Str, arguments, last: true))),
        new("index", "/ sub start? end?", (context, self, arguments) => Found(TextSearch.Find(context, self.Str, arguments, last: false))),
        new("rindex", "/ sub start? end?", (context, self, arguments) => Found(TextSearch.Find(context, self.Str, arguments, last: true))),
        new("count", "/ sub start? end?", (context, self, arguments) => Value.Of(TextSearch.Count(context, self.Str, arguments))),
        new("replace", "/ old new count?", (context, self, arguments) => Value.Of(TextShape.Replace(
            context, self.Str, Text(context, self.Str, arguments[0]), Text(context, self.Str, arguments[1]), Count(Method.Argument(arguments, 2))))),
        new("split", "sep? maxsplit?", (context, self, arguments) => TextSplit.Split(context, self.Str, arguments, fromRight: false)),
        new("rsplit", "sep? maxsplit?", (context, self, arguments) => TextSplit.Split(context, self.Str, arguments, fromRight: true)),
        new("splitlines", "keepends?", (context, self, arguments) =>
            TextSplit.Lines(context, self.Str, arguments.Length > 0 && PyOps.IsTruthy(arguments[0]))),
        new("partition", "/ sep", (context, self, arguments) => TextSplit.Partition(context, self.Str, arguments[0], fromRight: false)),
        new("rpartition", "/ sep", (context, self, arguments) => TextSplit.Partition(context, self.Str, arguments[0], fromRight: true)),
        new("join", "/ iterable", (context, self, arguments) => TextShape.Join(context, self.Str, arguments[0])),
        new("removeprefix", "/ prefix", (_, self, arguments) => Value.Of(self.Text.StartsWith(Require(arguments[0]).Text, StringComparison.Ordinal)
            ? self.Str.Slice(arguments[0].Text.Length, self.Text.Length - arguments[0].Text.Length).AsMarkup(false) : self.Str.AsMarkup(false))),
        new("removesuffix", "/ suffix", (_, self, arguments) => Value.Of(self.Text.EndsWith(Require(arguments[0]).Text, StringComparison.Ordinal)
            ? self.Str.Slice(0, self.Text.Length - arguments[0].Text.Length).AsMarkup(false) : self.Str.AsMarkup(false))),
        new("translate", "/ table", Translation.Translate),
        new("maketrans", "/ x y? z?", Translation.MakeTable),
        new("ljust", "/ width fillchar?", (context, self, arguments) => TextShape.Pad(context, self.Str, arguments, -1)),
        new("rjust", "/ width fillchar?", (context, self, arguments) => TextShape.Pad(context, self.Str, arguments, 1)),
        new("center", "/ width fillchar?", (context, self, arguments) => TextShape.Pad(context, self.Str, arguments, 0)),
        new("zfill", "/ width", (context, self, arguments) => TextShape.ZeroFill(context, self.Str, PyNumber.ToIndex(arguments[0]))),
        new("expandtabs", "tabsize?", (context, self, arguments) =>
            TextShape.ExpandTabs(context, self.Str, arguments.Length > 0 ? PyNumber.ToIndex(arguments[0]) : 8)),
        new("format", (context, self, arguments) => Value.Of(new BraceFormat(context, self.Str.IsMarkup, arguments).Format(self.Str))),
        new("format_map", (context, self, arguments) => Value.Of(BraceFormat.FormatMap(context, self.Str, arguments))),
        Is("isspace", rune => rune.IsBmp && Characters.IsSpace((char)rune.Value)),
        Is("isalpha", Rune.IsLetter),
        Is("isdigit", rune => Rune.IsDigit(rune)
            || rune.Value is 0xB2 or 0xB3 or 0xB9 or (>= 0x2460 and <= 0x2468) or 0x2070 or (>= 0x2074 and <= 0x2079) or (>= 0x2080 and <= 0x2089)),
        Is("isdecimal", Rune.IsDigit),
        Is("isnumeric", rune => Rune.IsNumber(rune)),
        Is("isalnum", rune => Rune.IsLetter(rune) || Rune.IsNumber(rune)),
        Is("isprintable", Characters.IsPrintable, whenEmpty: true),
        Is("isascii", rune => rune.IsAscii, whenEmpty: true),
        Whole("islower", text => TextShape.IsCase(text, lower: true)),
        Whole("isupper", text => TextShape.IsCase(text, lower: false)),
        Whole("istitle", TextShape.IsTitle),
        Whole("isidentifier", Identifier.IsValid),
    }.ToFrozenDictionary(method => method.Signature.Name, StringComparer.Ordinal);

    public static Method? Find(string name) => Table.GetValueOrDefault(name);

    /// <summary>Gets an argument that must be a string; for Markup it is escaped.</summary>
    public static Str Text(RenderContext context, Str self, Value argument)
    {
        var text = Require(argument);
        return self.IsMarkup ? HtmlEscape.Escape(context, text) : text;
    }

    public static Str Require(Value argument)
    {
        if (argument.TryGetStr(out var text))
        {
            return text;
        }

        PyOps.ThrowIfUndefined(argument);
        throw new PyException($"expected a str, not {PyOps.TypeName(argument)}");
    }

    private static int Count(Value count) => count.IsMissing ? -1 : PyNumber.ToIndex(count, "counts");

    private static Value Found(int index) => index >= 0 ? Value.Of(index) : throw new PyException("substring not found");

    private static Value Strip(RenderContext context, Value self, Value[] arguments, bool left, bool right)
    {
        var characters = Method.Argument(arguments, 0);
        context.SpendTrim(self.Text.Length, characters);
        var stripped = characters.IsMissing || characters.IsNone ? null : Text(context, self.Str, characters).Text;
        return Value.Of(PyStrings.Trim(self.Str, stripped, left, right));
    }

    private static Method Simple(string name, Func<Str, Str> map) => new(name, "/", (context, self, _) =>
    {
        context.SpendCasing(self.Text);
        return Value.Of(map(self.Str));
    });

    private static Method Whole(string name, Func<string, bool> test) => new(name, "/", (context, self, _) =>
    {
        context.Spend(self.Text.Length >> 3);
        return Value.Of(test(self.Text));
    });

    private static Method Is(string name, Func<Rune, bool> test, bool whenEmpty = false) => new(name, "/", (context, self, _) =>
    {
        context.Spend(self.Text.Length >> 3);
        if (self.Text.Length == 0)
        {
            return Value.Of(whenEmpty);
        }

        foreach (var rune in self.Text.EnumerateRunes())
        {
            if (!test(rune))
            {
                return Value.False;
            }
        }

        return Value.True;
    });
}

/// <summary><c>str.translate</c> and the tables of <c>str.maketrans</c>: code points to texts, code points, or None for nothing.</summary>
internal static class Translation
{
    public static Value Translate(RenderContext context, Value self, Value[] arguments)
    {
        var text = self.Str;
        var table = arguments[0];
        PyOps.ThrowIfUndefined(table);
        if (!table.IsString && table.Object is not (PyDict or PySequence or RangeObject))
        {
            throw new PyException($"'{PyOps.TypeName(table)}' object is not subscriptable");
        }

        var output = context.Output;
        var start = output.Length;
        for (var at = 0; at < text.Length;)
        {
            context.Spend(2);
            var units = Characters.UnitsAt(text.Text, at);
            var found = ItemAccess.TryGet(context, table,
                Value.Of(units == 2 ? char.ConvertToUtf32(text.Text[at], text.Text[at + 1]) : text.Text[at]));
            if (found.IsMissing)
            {
                output.Append(text, at, units);
            }
            else if (!found.IsNone)
            {
                var piece = found.TryGetStr(out var given) ? given : CharacterOf(found);
                context.SpendCopy(piece.Length);
                output.Append(piece);
            }

            at += units;
        }

        return Value.Of(output.Cut(start, text.IsMarkup));
    }

    public static Value MakeTable(RenderContext context, Value self, Value[] arguments)
    {
        var table = new PyDict();
        if (arguments.Length == 1 || arguments[1].IsMissing)
        {
            if (arguments[0].Object is not PyDict given)
            {
                throw new PyException("if you give only one argument to maketrans it must be a dict");
            }

            for (var i = 0; i < given.Length; i++)
            {
                var key = given.Keys[i];
                table.Set(context, key.TryGetStr(out var text) ? Single(text.Text) : key, given.Values[i]);
            }

            return Value.Of(table);
        }

        var (from, to) = (PyOps.ToArray(context, Value.Of(TextMethods.Require(arguments[0]))),
            PyOps.ToArray(context, Value.Of(TextMethods.Require(arguments[1]))));
        if (from.Length != to.Length)
        {
            throw new PyException("the first two maketrans arguments must have equal length");
        }

        for (var i = 0; i < from.Length; i++)
        {
            // A marked character is kept as a string, because as a number it would lose its mark.
            table.Set(context, Single(from[i].Text), to[i].Str.Marks is null ? Single(to[i].Text) : to[i]);
        }

        foreach (var dropped in arguments.Length > 2 && !arguments[2].IsMissing
            ? PyOps.ToArray(context, Value.Of(TextMethods.Require(arguments[2])))
            : [])
        {
            table.Set(context, Single(dropped.Text), Value.None);
        }

        return Value.Of(table);
    }

    private static Str CharacterOf(Value code) =>
        code.Kind is ValueKind.Int or ValueKind.Bool && Rune.IsValid((int)Math.Clamp(code.Number, -1, int.MaxValue))
            ? new Rune((int)code.Number).ToString()
            : throw new PyException("character mapping must return integer, None or str");

    private static Value Single(string text) => Characters.Count(text) == 1
        ? Value.Of(Characters.RuneAt(text, 0).Value)
        : throw new PyException("string keys in translate table must be of length 1");
}
