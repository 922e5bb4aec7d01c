using System.Globalization;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The attribute of a filter such as map or selectattr: a dotted path; parts of digits are indices.</summary>
internal sealed class AttributePath
{
    private readonly object[] _parts;
    private readonly Value _default;

    private AttributePath(object[] parts, Value otherwise)
    {
        _parts = parts;
        _default = otherwise;
    }

    public static AttributePath Of(Value attribute, Value otherwise = default)
    {
        if (attribute.IsMissing || attribute.IsNone)
        {
            return new AttributePath([], otherwise);
        }

        return new AttributePath(
            attribute.IsString
                ? Array.ConvertAll<string, object>(attribute.Text.Split('.'), part => part.Length is > 0 and < 9 && part.All(char.IsAsciiDigit)
                    ? Value.Of(int.Parse(part, CultureInfo.InvariantCulture))
                    : new AttributeName(part))
                : [attribute],
            otherwise);
    }

    /// <summary>Several paths between commas, as sort takes them.</summary>
    public static AttributePath[] Several(Value attribute) =>
        attribute.IsString ? Array.ConvertAll(attribute.Text.Split(','), part => Of(Value.Of(part))) : [Of(attribute)];

    public Value Get(RenderContext context, Value item)
    {
        foreach (var part in _parts)
        {
            if (part is AttributeName name)
            {
                PyOps.ThrowIfUndefined(item);
                item = name.GetItem(context, item);
            }
            else
            {
                item = ItemAccess.Get(context, item, (Value)part);
            }

            if (item.IsUndefined && !_default.IsMissing && !_default.IsNone)
            {
                item = _default;
            }
        }

        return item;
    }
}
