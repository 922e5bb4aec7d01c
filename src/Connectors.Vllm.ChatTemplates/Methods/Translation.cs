using System.Text;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

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
            // A marked character stays a text: as a number it would lose its mark.
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
