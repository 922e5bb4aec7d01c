using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Whether a tool's parameters are a JSON Schema by the meta-schema of draft 7 (https://json-schema.org/draft-07/schema).</summary>
internal static class JsonSchemaCheck
{
    private static readonly string[] Types = ["array", "boolean", "integer", "null", "number", "object", "string"];

    /// <exception cref="ChatTemplateException">The parameters are no valid schema.</exception>
    public static void Check(PromptValue? parameters, string tool)
    {
        if (parameters is { IsTruthy: true } && Fault(parameters, "parameters") is { } fault)
        {
            throw new ChatTemplateException($"The parameters of the tool '{tool}' are no valid JSON Schema: {fault}.");
        }
    }

    private static string? Fault(PromptValue schema, string path)
    {
        if (schema.IsBoolean)
        {
            return null;
        }

        if (!schema.IsObject)
        {
            return $"{path} must be an object or a boolean";
        }

        foreach (var (key, value) in schema.Members)
        {
            if (KeywordFault(key, value, $"{path}.{key}") is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private static string? KeywordFault(string key, PromptValue value, string path) => key switch
    {
        "$id" or "$schema" or "$ref" or "$comment" or "title" or "description" or "pattern" or "format" or "contentMediaType" or "contentEncoding"
            => Expect(value.IsString, path, "a string"),
        "readOnly" or "writeOnly" or "uniqueItems" => Expect(value.IsBoolean, path, "a boolean"),
        "examples" => Expect(value.IsArray, path, "a list"),
        "multipleOf" => Expect(value.IsNumber && value.AsDouble() > 0, path, "a number above 0"),
        "maximum" or "exclusiveMaximum" or "minimum" or "exclusiveMinimum" => Expect(value.IsNumber, path, "a number"),
        "maxLength" or "minLength" or "maxItems" or "minItems" or "maxProperties" or "minProperties"
            => Expect(value.IsNumber && value.AsDouble() >= 0 && double.IsInteger(value.AsDouble()), path, "a whole number from 0"),
        "required" => Expect(IsDistinctStrings(value), path, "a list of distinct strings"),
        "enum" => Expect(value.IsArray, path, "a list"),
        "type" => Expect(
            IsType(value) || (value is { IsArray: true, Items.Count: > 0 } && IsDistinctStrings(value) && value.Items.All(IsType)),
            path,
            "a type name or a list of them"),
        "items" => value.IsArray ? ListFault(value, path) : Fault(value, path),
        "allOf" or "anyOf" or "oneOf" => value is { IsArray: true, Items.Count: > 0 }
            ? ListFault(value, path)
            : $"{path} must be a list that is not empty",
        "additionalItems" or "contains" or "additionalProperties" or "propertyNames" or "not" or "if" or "then" or "else" => Fault(value, path),
        "properties" or "patternProperties" or "definitions" => MapFault(value, path, Fault),
        "dependencies" =>
            MapFault(value, path, (item, itemPath) => item.IsArray
                ? Expect(IsDistinctStrings(item), itemPath, "a list of distinct strings")
                : Fault(item, itemPath)),
        _ => null,
    };

    private static string? Expect(bool holds, string path, string what) => holds ? null : $"{path} must be {what}";

    private static bool IsType(PromptValue value) => value.StringOrNull is { } name && Types.Contains(name);

    private static bool IsDistinctStrings(PromptValue value) =>
        value.IsArray && value.Items.All(item => item.IsString)
            && value.Items.Select(item => item.Text).Distinct(StringComparer.Ordinal).Count() == value.Items.Count;

    private static string? ListFault(PromptValue list, string path) =>
        list.Items.Select((item, index) => Fault(item, $"{path}[{index}]")).FirstOrDefault(fault => fault is not null);

    private static string? MapFault(PromptValue map, string path, Func<PromptValue, string, string?> check) =>
        !map.IsObject
            ? $"{path} must be an object"
            : map.Members.Select(member => check(member.Value, $"{path}.{member.Key}")).FirstOrDefault(fault => fault is not null);
}
