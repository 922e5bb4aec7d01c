using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The filter <c>urlencode</c>.</summary>
internal static class UrlText
{
    public static Value Apply(RenderContext context, Value value, Value[] arguments)
    {
        if (value.IsString || PyOps.TryIterate(value) is null)
        {
            return Value.Of(Quote(context, value, "/", forQuery: false));
        }

        var pairs = value.Object is PyDict dict ? PyOps.ToArray(context, Value.Of(new DictView(dict, DictViewKind.Items))) : PyOps.ToArray(context, value);
        var parts = new List<string>();
        var marked = false;
        foreach (var item in pairs)
        {
            context.Spend(4);
            var pair = PyOps.ToArray(context, item);
            if (pair.Length != 2)
            {
                throw new PyException("urlencode needs pairs of key and value");
            }

            var (key, content) = (Quote(context, pair[0], "", forQuery: true), Quote(context, pair[1], "", forQuery: true));
            marked |= key.Marks is not null || content.Marks is not null;
            parts.Add($"{key.Text}={content.Text}");
        }

        return Value.Of(string.Join('&', parts), marked);
    }

    private static Str Quote(RenderContext context, Value value, string safe, bool forQuery)
    {
        var text = PyPrint.ToStr(context, value);
        context.Spend(text.Length);
        var quoted = new StringBuilder();
        foreach (var unit in Encoding.UTF8.GetBytes(text.Text))
        {
            var character = (char)unit;
            if (char.IsAsciiLetterOrDigit(character) || character is '_' or '.' or '-' or '~' || safe.Contains(character))
            {
                quoted.Append(character);
            }
            else if (forQuery && character == ' ')
            {
                quoted.Append('+');
            }
            else
            {
                quoted.Append(CultureInfo.InvariantCulture, $"%{unit:X2}");
            }
        }

        return text.Derive(quoted.ToString());
    }
}
