using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Tests;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>A tool with arguments that its schema allows, and others that it does not and that are written differently in every format.</summary>
/// <param name="Tool">The tool.</param>
/// <param name="Good">Arguments, JSON objects, that a constraint must allow.</param>
/// <param name="Bad">Arguments that it must refuse.</param>
internal sealed record ToolSchemaCase(OutputTool Tool, string[] Good, string[] Bad);

/// <summary>Schemas as tools have them in the wild: one keyword or one peculiarity each.</summary>
internal static class ToolSchemas
{
    public static IReadOnlyList<ToolSchemaCase> All { get; } =
    [
        Case("nested", """
            {"type":"object","properties":{"at":{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}},"required":["x","y"]}},
             "required":["at"]}
            """,
            ["""{"at":{"x":1,"y":-2}}"""], ["{}"]),
        Case("deep", """
            {"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"object","properties":{"c":{"type":"object","properties":
             {"d":{"type":"array","items":{"type":"integer"}}}}}}}}},"required":["a"]}
            """, ["""{"a":{"b":{"c":{"d":[1,2]}}}}"""], ["{}"]),
        Case("nullable", """
            {"type":"object","properties":{"n":{"type":["integer","null"]}},"required":["n"]}
            """, ["""{"n":null}""", """{"n":7}"""], ["""{"n":"seven"}""", "{}"]),
        Case("nullable_text", """
            {"type":"object","properties":{"s":{"type":["string","null"],"default":null}},"required":["s"]}
            """, ["""{"s":"x y"}"""], ["{}"]),
        Case("openapi_nullable", """
            {"type":"object","properties":{"n":{"type":"integer","nullable":true}},"required":["n"]}
            """, ["""{"n":7}"""], ["{}"]),
        Case("enum", """{"type":"object","properties":{"unit":{"type":"string","enum":["c","f","it's \"k\""]}},"required":["unit"]}""",
            ["""{"unit":"c"}""", """{"unit":"it's \"k\""}"""], ["""{"unit":"kelvin"}"""]),
        Case("enum_numbers", """{"type":"object","properties":{"n":{"enum":[1,2,30]}},"required":["n"]}""", ["""{"n":30}"""], ["""{"n":4}"""]),
        Case("enum_mixed", """
            {"type":"object","properties":{"n":{"enum":["auto",1,true,null]}},"required":["n"]}
            """, ["""{"n":"auto"}""", """{"n":1}"""], ["{}"]),
        Case("const", """{"type":"object","properties":{"kind":{"const":"circle"},"n":{"const":5}},"required":["kind","n"]}""",
            ["""{"kind":"circle","n":5}"""], ["""{"kind":"square","n":5}""", """{"kind":"circle","n":6}"""]),
        Case("pattern", """
            {"type":"object","properties":{"code":{"type":"string","pattern":"^[A-Z]{2}[0-9]+$"}},"required":["code"]}
            """, ["""{"code":"AB12"}"""], ["""{"code":"ab"}"""]),
        Case("array", """
            {"type":"object","properties":{"ids":{"type":"array","items":{"type":"integer"}},"tags":{"type":"array","items":{"type":"string"}}},
             "required":["ids"]}
            """,
            ["""{"ids":[1,2,3]}""", """{"ids":[],"tags":["a","b c"]}"""], ["""{"ids":["a"]}"""]),
        Case("array_untyped", """
            {"type":"object","properties":{"ids":{"type":"array"}},"required":["ids"]}
            """, ["""{"ids":[1,"a",{"b":null}]}"""], ["{}"]),
        Case("array_of_objects", """
            {"type":"object","properties":{"rows":{"type":"array","minItems":1,"items":{"type":"object","properties":{"k":{"type":"string"},
             "v":{"type":"number"}},"required":["k","v"],"additionalProperties":false}}},"required":["rows"]}
            """, ["""{"rows":[{"k":"a","v":1.5},{"k":"b","v":-2}]}"""], ["{}"]),
        Case("reference", """
            {"type":"object","$defs":{"Unit":{"enum":["c","f"]},"Place":{"type":"object","properties":{"u":{"$ref":"#/$defs/Unit"}},
             "required":["u"]}},"properties":{"p":{"$ref":"#/$defs/Place"}},"required":["p"]}
            """,
            ["""{"p":{"u":"c"}}"""], ["{}"]),
        Case("definitions", """
            {"type":"object","definitions":{"N":{"type":"integer"}},"properties":{"n":{"$ref":"#/definitions/N"}},"required":["n"]}
            """, ["""{"n":4}"""], ["""{"n":"x"}"""]),
        Case("reference_to_property", """
            {"type":"object","properties":{"a":{"type":"integer"},"b":{"$ref":"#/properties/a"}},"required":["a","b"]}
            """, ["""{"a":1,"b":2}"""], ["""{"a":"x","b":2}"""]),
        Case("root_reference", """
            {"$ref":"#/$defs/Args","$defs":{"Args":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}}
            """, ["""{"n":4}"""], ["""{"n":"x"}""", "{}"]),
        Case("recursive", """
            {"type":"object","$defs":{"Node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/Node"}},
             "required":["v"]}},"properties":{"list":{"$ref":"#/$defs/Node"}},"required":["list"]}
            """, ["""{"list":{"v":1,"next":{"v":2,"next":{"v":3}}}}"""], ["{}"]),
        Case("any_of", """
            {"type":"object","properties":{"v":{"anyOf":[{"type":"integer"},{"type":"boolean"}]}},"required":["v"]}
            """, ["""{"v":3}""", """{"v":true}"""], ["""{"v":"x"}"""]),
        Case("any_of_objects", """
            {"type":"object","properties":{"v":{"anyOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"type":"array",
             "items":{"type":"integer"}}]}},"required":["v"]}
            """, ["""{"v":{"a":3}}""", """{"v":[3]}"""], ["{}"]),
        Case("any_of_texts", """
            {"type":"object","properties":{"v":{"anyOf":[{"type":"string","enum":["low","high"]},{"type":"null"}]}},"required":["v"]}
            """, ["""{"v":"low"}"""], ["{}"]),
        Case("one_of", """
            {"type":"object","properties":{"v":{"oneOf":[{"type":"integer"},{"type":"null"}]}},"required":["v"]}
            """, ["""{"v":3}""", """{"v":null}"""], ["""{"v":"x"}"""]),
        Case("all_of", """
            {"type":"object","properties":{"v":{"allOf":[{"type":"integer"}]}},"required":["v"]}
            """, ["""{"v":3}"""], ["""{"v":"x"}"""]),
        Case("root_any_of", """
            {"anyOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"type":"object",
             "properties":{"b":{"type":"integer"}},"required":["b"]}]}
            """,
            ["""{"a":1}""", """{"b":1}"""], []),
        Case("root_all_of", """
            {"type":"object","allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}]}
            """, ["""{"a":1}"""], []),
        Case("names", """
            {"type":"object","properties":{"größe":{"type":"integer"},"日本":{"type":"integer"},"x y":{"type":"integer"},"a.b-c":{"type":"integer"},
             "$d":{"type":"integer"}},"required":["größe","日本"]}
            """, ["""{"größe":1,"日本":2,"x y":3,"a.b-c":4,"$d":5}""", """{"größe":1,"日本":2}"""], ["""{"größe":1}"""]),
        Case("quoted_names", """
            {"type":"object","properties":{"a\"b":{"type":"integer"},"c'd":{"type":"integer"},"e\\f":{"type":"integer"}},"required":["a\"b"]}
            """, ["""{"a\"b":1,"c'd":2,"e\\f":3}"""], ["{}"]),
        Case("empty_schema", "{}", ["{}"], ["""{"x":1}"""]),
        Case("no_properties", """{"type":"object","properties":{}}""", ["{}"], ["""{"x":1}"""]),
        Case("closed", """{"type":"object","properties":{},"additionalProperties":false}""", ["{}"], ["""{"x":1}"""]),
        Case("object_only", """{"type":"object"}""", ["{}", """{"x":1,"y":"z"}"""], []),
        Case("more_of_any", """
            {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":true}
            """, ["""{"a":1}""", """{"a":1,"b":2}"""], ["{}"]),
        Case("more_numbers", """
            {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":{"type":"integer"}}
            """, ["""{"a":1}""", """{"a":1,"b":2}"""], ["{}"]),
        Case("map", """
            {"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"integer"}}},"required":["m"]}
            """, ["""{"m":{"k":1,"l":2}}""", """{"m":{}}"""], ["{}"]),
        Case("no_type", """{"properties":{"a":{"type":"integer"}},"required":["a"]}""", ["""{"a":1}"""], ["""{"a":"x"}""", "{}"]),
        Case("any_value", """
            {"type":"object","properties":{"a":{},"b":true,"c":{"description":"anything"}},"required":["a"]}
            """, ["""{"a":1}""", """{"a":"x","b":[1],"c":"y"}"""], ["{}"]),
        Case("optional_first", """
            {"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"}},"required":["b"]}
            """,
            ["""{"a":1,"b":2,"c":3}""", """{"b":2}""", """{"a":1,"b":2}""", """{"b":2,"c":3}"""], ["""{"a":1}""", "{}"]),
        Case("all_optional", """{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"}}}""",
            ["{}", """{"a":1}""", """{"c":3}""", """{"a":1,"c":3}""", """{"a":1,"b":2,"c":3}"""], ["""{"d":1}"""]),
        Case("annotations", """
            {"$schema":"https://json-schema.org/draft/2020-12/schema","title":"T","description":"a \"quoted\" text </tool_call>","type":"object",
             "properties":{"a":{"type":"integer","title":"A","description":"it's","default":1,"examples":[1]}},"required":["a"]}
            """, ["""{"a":1}"""], ["{}"]),
        Case("limits", """
            {"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":100},"s":{"type":"string","minLength":1,"maxLength":20},
             "a":{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3}},"required":["n","s","a"]}
            """,
            ["""{"n":42,"s":"x","a":[1]}"""], ["""{"n":-4,"s":"x","a":[1]}"""]),
        Case("formats", """
            {"type":"object","properties":{"d":{"type":"string","format":"date"},"u":{"type":"string","format":"uri"},"e":{"type":"string",
             "format":"email"}},"required":["d"]}
            """, ["""{"d":"2026-11-30"}"""], ["{}"]),
        Case("number", """
            {"type":"object","properties":{"n":{"type":"number"},"b":{"type":"boolean"}},"required":["n","b"]}
            """, ["""{"n":-1.5e3,"b":false}""", """{"n":0,"b":true}"""], ["""{"n":"x","b":true}"""]),
        Case("text", """{"type":"object","properties":{"s":{"type":"string"},"t":{"type":"string"}},"required":["s"]}""",
            ["""{"s":""}""", """{"s":"it's \"quoted\" \\ 漢字 é","t":"a\nb\t<c> & [d] {e} (f)"}"""], ["{}"]),
        Case("sloppy_types", """
            {"type":"dict","properties":{"n":{"type":"int"},"s":{"type":"str"},"f":{"type":"float"},"b":{"type":"bool"},"l":{"type":"list"}},
             "required":["n","s"]}
            """,
            ["""{"n":1,"s":"x"}""", """{"n":1,"s":"x","f":1.5,"b":true,"l":[1]}"""], ["{}"]),
        Case("typed_enum_of_one_type_list", """
            {"type":"object","properties":{"v":{"type":["string"],"enum":["a","b"]}},"required":["v"]}
            """, ["""{"v":"a"}"""], ["""{"v":"c"}"""]),
        Case("hard", """{"type":"object","properties":{"n":{"type":"integer","multipleOf":5}},"required":["n"]}""", ["""{"n":15}"""], ["{}"]),
        Case("tuple", """
            {"type":"object","properties":{"p":{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false}},"required":["p"]}
            """, ["""{"p":[1,"a"]}"""], ["{}"]),
        Case(
            "many",
            $$"""{"type":"object","properties":{ {{Repeat(40, i => $"\"p{i}\":{{\"type\":\"integer\"}}")}} },"required":["p3","p30"]}""",
            ["""{"p3":1,"p30":2}""", """{"p0":1,"p3":1,"p29":0,"p30":2,"p39":4}"""],
            ["""{"p3":1}"""]),
        Case("unique", """
            {"type":"object","properties":{"a":{"type":"array","items":{"type":"string"},"uniqueItems":true}},"required":["a"]}
            """, ["""{"a":["x"]}"""], ["{}"]),
        Case("conditional", """
            {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"if":{"properties":{"a":{"const":1}}},"then":{}}
            """, ["""{"a":1}"""], []),
        Case("not", """{"type":"object","properties":{"a":{"type":"integer","not":{"const":3}}},"required":["a"]}""", ["""{"a":1}"""], ["{}"]),
        Case("one_of_overlapping", """
            {"type":"object","properties":{"v":{"oneOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"type":"object",
             "properties":{"b":{"type":"integer"}}}]}},"required":["v"]}
            """, ["""{"v":{"a":1}}"""], ["{}"]),
        Case("odd_formats", """
            {"type":"object","properties":{"n":{"type":"integer","format":"int32"},"s":{"type":"string","format":"color"},"t":{"type":"string",
             "format":"phone"}},"required":["n","s"]}
            """,
            ["""{"n":1,"s":"red"}"""], ["{}"]),
        Case("odd_patterns", """
            {"type":"object","properties":{"a":{"type":"string","pattern":"^(?!x).*$"},"b":{"type":"string","pattern":"\\bword\\b"},
             "c":{"type":"string","pattern":"ab"}},"required":["a"]}
            """,
            ["""{"a":"yes","b":"word"}"""], ["{}"]),
        Case("undeclared_required", """
            {"type":"object","properties":{"a":{"type":"integer"}},"required":["a","b"]}
            """, ["""{"a":1,"b":2}"""], ["{}"]),
        Case("required_only", """{"type":"object","required":["a"]}""", ["""{"a":1}""", """{"a":"x y"}""", """{"a":1,"b":2}"""], []),
        Case("required_of_others", """
            {"type":"object","properties":{"m":{"type":"object","required":["k"],"additionalProperties":{"type":"integer"}}},"required":["m"]}
            """, ["""{"m":{"k":1}}""", """{"m":{"k":1,"l":2}}"""], ["{}"]),
        Case("old_tuple", """
            {"type":"object","properties":{"p":{"type":"array","items":[{"type":"integer"},{"type":"string"}],"additionalItems":false}},
             "required":["p"]}
            """, ["""{"p":[1,"a"]}"""], ["{}"]),
        Case("enum_with_nothing", """{"type":"object","properties":{"v":{"type":"string","enum":["","a b"]}},"required":["v"]}""",
            ["""{"v":""}""", """{"v":"a b"}"""], ["""{"v":"a"}"""]),
        Case("escaped_references", """
            {"type":"object","$defs":{"List<Größe>":{"type":"integer"},"a/b":{"type":"integer"}},"properties":{
             "x":{"$ref":"#/$defs/List%3CGr%C3%B6%C3%9Fe%3E"},"y":{"$ref":"#/$defs/List<Größe>"},"z":{"$ref":"#/$defs/a~1b"}},
             "required":["x","y","z"]}
            """, ["""{"x":1,"y":2,"z":3}"""], ["{}", """{"x":"s","y":2,"z":3}"""]),
        Case("wide_bounds", """
            {"type":"object","properties":{"n":{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807},"u":{"type":"integer",
             "minimum":0,"maximum":18446744073709551615},"x":{"type":"number","minimum":-1.7976931348623157e308,"maximum":1.7976931348623157e308}},
             "required":["n","u","x"]}
            """, ["""{"n":-5,"u":9007199254740993,"x":1.5}"""], ["""{"n":1,"u":-1,"x":1.5}"""]),
        Case("old_bounds", """
            {"type":"object","properties":{"n":{"type":"integer","minimum":0,"exclusiveMinimum":true,"maximum":9.5,"exclusiveMaximum":false}},
             "required":["n"]}
            """, ["""{"n":1}""", """{"n":9}"""], ["""{"n":0}""", """{"n":10}"""]),
        Case("patterns_with_slashes", """
            {"type":"object","properties":{"u":{"type":"string","pattern":"^https?:\\/\\/[a-z./]+$"},"v":{"type":"string",
             "pattern":"^a/b\\\\$"}},
             "required":["u"]}
            """, ["""{"u":"https://a.b/c"}"""], ["{}", """{"u":"ftp"}"""]),
        Case("patterns_within", """
            {"type":"object","properties":{"a":{"type":"string","pattern":"\\d"},"b":{"type":"string","pattern":"^ab"}},"required":["a","b"]}
            """, ["""{"a":"x1y","b":"abc"}"""], ["{}"]),
        Case("broken_patterns", """
            {"type":"object","properties":{"a":{"type":"string","pattern":"^(ab$"},"b":{"type":"string","pattern":"["},"c":{"type":"string",
             "pattern":"^[^[&&]+$"},"d":{"type":"string","pattern":"^x{3,1}$"}},"required":["a","b","c","d"]}
            """, ["""{"a":"q","b":"r","c":"s","d":"t"}"""], ["{}"]),
        Case("empty_lists", """
            {"type":"object","properties":{"a":{"type":"string","enum":[]},"b":{"anyOf":[],"type":"integer"},"c":{
             "$ref":"https://example.com/s.json"}},
             "required":["a","b","c"]}
            """, ["""{"a":"q","b":1,"c":"s"}"""], ["{}"]),
        Case("closed_map", """
            {"type":"object","properties":{"m":{"type":"object","properties":{},"additionalProperties":false}},"required":["m"]}
            """, ["""{"m":{}}"""], ["{}"]),
        Case("counted", """
            {"type":"object","properties":{"m":{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1}},"required":["m"]}
            """, ["""{"m":{"a":1}}"""], ["{}"]),
        Case(
            "long_enum",
            $$"""{"type":"object","properties":{"v":{"type":"string","enum":[{{Repeat(200, i => $"\"value {i}\"")}}] } },"required":["v"]}""",
            ["""{"v":"value 7"}"""],
            ["""{"v":"value 700"}"""]),
        Case("property_names", """
            {"type":"object","properties":{"m":{"type":"object","propertyNames":{"pattern":"^[a-z]+$"},"additionalProperties":{"type":"integer"}}},
             "required":["m"]}
            """, ["""{"m":{"k":1}}"""], ["{}"]),
        Case("pattern_properties", """
            {"type":"object","properties":{"m":{"type":"object","patternProperties":{"^x-":{"type":"integer"}}}},"required":["m"]}
            """, ["""{"m":{"x-a":1}}"""], ["{}"]),
    ];

    /// <summary>False for names with quotes where the format (or the way its calls are written here) escapes them.</summary>
    public static bool CanBeWritten(string format, ToolSchemaCase schema) => schema.Tool.Name != "quoted_names"
        || format is not ("kimi_k3" or "sarashina");

    /// <summary>False where a format escapes nested values, which then are any text.</summary>
    public static bool CanBeRefused(string format, ToolSchemaCase schema) => schema.Tool.Name != "array" || format != "minicpm5";

    private static string Repeat(int count, Func<int, string> item) => string.Join(',', Enumerable.Range(0, count).Select(item));

    private static ToolSchemaCase Case(string name, string schema, string[] good, string[] bad) => new(TestTools.Tool(name, schema), good, bad);
}
