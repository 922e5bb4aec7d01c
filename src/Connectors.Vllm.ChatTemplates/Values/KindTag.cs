namespace Connectors.Vllm.ChatTemplates;

/// <summary>Marks a <see cref="Value"/> whose whole content is in its number: None, booleans, machine integers, floats.</summary>
internal sealed class KindTag : PyObject
{
    public static readonly KindTag None = new(ValueKind.None, "NoneType");
    public static readonly KindTag Bool = new(ValueKind.Bool, "bool");
    public static readonly KindTag Int = new(ValueKind.Int, "int");
    public static readonly KindTag Float = new(ValueKind.Float, "float");

    private KindTag(ValueKind kind, string typeName)
    {
        Kind = kind;
        TypeName = typeName;
    }

    public override ValueKind Kind { get; }

    public override string TypeName { get; }
}
