using System.Reflection;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.TestSupport;

/// <summary>Writes types and members as one stable line each.</summary>
internal static class TypeSignature
{
    public static string Declaration(Type type)
    {
        var kind = type switch
        {
            { IsEnum: true } => "enum",
            { IsInterface: true } => "interface",
            { IsValueType: true } => "struct",
            _ when typeof(Delegate).IsAssignableFrom(type) => "delegate",
            { IsAbstract: true, IsSealed: true } => "static class",
            { IsAbstract: true } => "abstract class",
            { IsSealed: true } => "sealed class",
            _ => "class",
        };
        var bases = new List<string>();
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum))
        {
            bases.Add(Name(parent));
        }

        bases.AddRange(type.GetInterfaces().Where(candidate => candidate.IsVisible).Select(Name).Order(StringComparer.Ordinal));
        return $"{kind} {type.Namespace}.{Name(type)}" + (bases.Count == 0 ? "" : " : " + string.Join(", ", bases));
    }

    /// <summary>The member's line, or null when it is not part of the public surface.</summary>
    public static string? Member(MemberInfo member) => member switch
    {
        _ when member.IsDefined(typeof(CompilerGeneratedAttribute)) && member is not ConstructorInfo => null,
        FieldInfo { IsSpecialName: true } => null,
        FieldInfo field when field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly =>
            $"{(field.IsLiteral ? "const " : field.IsStatic ? "static " : "")}{Name(field.FieldType)} {field.Name}" + Constant(field),
        PropertyInfo property when Visible(property.GetMethod) || Visible(property.SetMethod) =>
            $"{Static(property.GetMethod ?? property.SetMethod)}{Name(property.PropertyType)} {property.Name}{Index(property)} {{ {Accessor(property.GetMethod, "get; ")}{Setter(property.SetMethod)}}}",
        EventInfo @event when Visible(@event.AddMethod) => $"event {Name(@event.EventHandlerType!)} {@event.Name}",
        ConstructorInfo constructor when Visible(constructor) => $"ctor({Parameters(constructor)})",
        MethodInfo method when Visible(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal)) =>
            $"{Static(method)}{Name(method.ReturnType)} {method.Name}{GenericArguments(method)}({Parameters(method)})",
        _ => null,
    };

    private static bool Visible(MethodBase? method) => method is { IsPublic: true } or { IsFamily: true } or { IsFamilyOrAssembly: true };

    private static string Static(MethodBase? method) => method is { IsStatic: true } ? "static " : "";

    private static string Accessor(MethodInfo? method, string text) => Visible(method) ? text : "";

    private static string Setter(MethodInfo? method) =>
        !Visible(method) ? "" : method!.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init; " : "set; ";

    private static string Constant(FieldInfo field) => field.IsLiteral ? $" = {field.GetRawConstantValue() ?? "null"}" : "";

    private static string Index(PropertyInfo property) =>
        property.GetIndexParameters() is { Length: > 0 } index
            ? $"[{string.Join(", ", index.Select(parameter => Name(parameter.ParameterType)))}]"
            : "";

    private static string GenericArguments(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
        $"{(parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? "ref " : "")}{Name(parameter.ParameterType)} {parameter.Name}{(parameter.HasDefaultValue ? " = " + (parameter.RawDefaultValue ?? "default") : "")}"));

    private static string Name(Type type)
    {
        if (type.IsByRef)
        {
            return Name(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return Name(type.GetElementType()!) + "[]";
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Name(underlying) + "?";
        }

        var name = type.IsNested && !type.IsGenericParameter ? Name(type.DeclaringType!) + "." + type.Name : type.Name;
        return type.IsGenericType ? $"{name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name;
    }
}
