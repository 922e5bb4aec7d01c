namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>
/// Tags that GLM and its relatives lose or write twice. What the declared tools leave one reading for is that call; all else is text.
/// </summary>
internal static class PairCases
{
    private const string City = """{"city":"X"}""";
    private const string Both = """{"city":"X","days":3}""";

    private static readonly (string Body, string? Expected)[] Rows =
    [
        // Keys without their opening tag.
        ("get_weathercity</arg_key><arg_value>X</arg_value>", "get_weather " + City),
        ("get_weather city</arg_key><arg_value>X</arg_value>", "get_weather " + City),
        ("get_weather\ncity</arg_key>\n<arg_value>X</arg_value>\n", "get_weather " + City),
        ("get_weathercity</arg_key>\n<arg_value>X</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n", "get_weather " + Both),
        ("get_weathercity</arg_key><arg_value>X</arg_value>days</arg_key><arg_value>3</arg_value>", "get_weather " + Both),
        ("get_weather<arg_key>city</arg_key><arg_value>X</arg_value>days</arg_key><arg_value>3</arg_value>", "get_weather " + Both),
        ("get_weather<arg_key>city</arg_key><arg_value>X</arg_value>\ndays</arg_key>\n<arg_value>3</arg_value>\n", "get_weather " + Both),
        ("mcp-x__list-filesdir</arg_key><arg_value>/</arg_value>", """mcp-x__list-files {"dir":"/"}"""),
        ("math.adda</arg_key><arg_value>1</arg_value>b</arg_key><arg_value>2</arg_value>", """math.add {"a":1,"b":2}"""),

        // Keys without their closing tag, values without their opening one.
        ("get_weather<arg_key>city<arg_value>X</arg_value>", "get_weather " + City),
        ("get_weather<arg_key>city\n<arg_value>X</arg_value>\n<arg_key>days\n<arg_value>3</arg_value>\n", "get_weather " + Both),
        ("get_weather<arg_key>city</arg_key>X</arg_value>", "get_weather " + City),
        ("get_weather<arg_key>city<arg_key><arg_value>X</arg_value>", "get_weather " + City),
        ("get_weather<arg_key>city</arg_key>X</arg_value><arg_key>days</arg_key>3</arg_value>", "get_weather " + Both),

        // Values without their closing tag.
        ("get_weather<arg_key>city</arg_key><arg_value>X<arg_key>days</arg_key><arg_value>3</arg_value>", "get_weather " + Both),
        ("get_weather<arg_key>city</arg_key>\n<arg_value>X\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n", "get_weather " + Both),
        ("write<arg_key>content</arg_key><arg_value>see <arg_key>path</arg_key><arg_value>p</arg_value> there</arg_value>",
            """write {"content":"see <arg_key>path</arg_key><arg_value>p</arg_value> there"}"""),
        ("write<arg_key>content</arg_key><arg_value>see <arg_key>path</arg_key><arg_value>p</arg_value></arg_value>",
            """write {"content":"see <arg_key>path</arg_key><arg_value>p</arg_value>"}"""),

        // A closing tag in the place of a value's opening one; before markup it is an empty value.
        ("get_weather<arg_key>city</arg_key></arg_value>X</arg_value>", "get_weather " + City),
        ("get_weather<arg_key>city</arg_key>\n</arg_value>X</arg_value>\n<arg_key>days</arg_key>\n</arg_value>3</arg_value>\n",
            "get_weather " + Both),
        ("get_weathercity</arg_key></arg_value>X</arg_value>", "get_weather " + City),
        ("write<arg_key>content</arg_key></arg_value>", """write {"content":""}"""),
        ("write<arg_key>content</arg_key></arg_value><arg_key>path</arg_key><arg_value>p</arg_value>", """write {"content":"","path":"p"}"""),

        // JSON behind a declared name.
        ("get_weather\n{\"city\": \"X\", \"days\": 3}\n", "get_weather " + Both),
        ("get_weather{\"city\":\"X\"}", "get_weather " + City),
        ("now{}", "now {}"),
        ("now {} ", "now {}"),
        ("write\n{\"content\": \"a </tool_call> {<arg_key>\"}", """write {"content":"a </tool_call> {<arg_key>"}"""),
        ("nope{\"city\":\"X\"}", null),
        ("get_weather{\"city\":\"X\"} and", null),
        ("get_weather{city: X<b>}", null),

        // Closers that close nothing.
        ("now</arg_value>", "now {}"),
        ("now</arg_key>", "now {}"),
        ("now\n</arg_value>\n", "now {}"),
        ("now</arg_key></arg_value>", "now {}"),
        ("get_weather</arg_value><arg_key>city</arg_key><arg_value>X</arg_value>", "get_weather " + City),
        ("get_weather</arg_key><arg_key>city</arg_key><arg_value>X</arg_value>", "get_weather " + City),
        ("get_weather<arg_key>city</arg_key><arg_value>X</arg_value></arg_value>", "get_weather " + City),
        ("get_weather<arg_key>city</arg_key><arg_value>X</arg_value></arg_key>", "get_weather " + City),
        ("get_weather<arg_key>city</arg_key><arg_value>X</arg_value></arg_value><arg_key>days</arg_key><arg_value>3</arg_value>", "get_weather "
            + Both),
        ("get_weather<arg_key>city</arg_key><arg_value>X</arg_value>\n</arg_value>\n<arg_key>days</arg_key><arg_value>3</arg_value>\n",
            "get_weather " + Both),

        // Space, and values like markup.
        ("get_weather\n\n<arg_key> city </arg_key>\n<arg_value>X</arg_value>\n\n", "get_weather " + City),
        ("write<arg_key>content</arg_key><arg_value> a\n b </arg_value>", """write {"content":" a\n b "}"""),
        ("write<arg_key>content</arg_key><arg_value></arg_value>", """write {"content":""}"""),
        ("write<arg_key>content</arg_key><arg_value>a </arg_value> b</arg_value>", """write {"content":"a </arg_value> b"}"""),
        ("write<arg_key>content</arg_key><arg_value>a <arg_key> b</arg_value>", """write {"content":"a <arg_key> b"}"""),
        ("write<arg_key>content</arg_key><arg_value>use <tool_call> so</arg_value>", """write {"content":"use <tool_call> so"}"""),
        ("write<arg_key>content</arg_key><arg_value>use </tool_call> so</arg_value>", """write {"content":"use </tool_call> so"}"""),
        ("write<arg_key>content</arg_key><arg_value>if a < b: x</arg_value>", """write {"content":"if a < b: x"}"""),
        ("write<arg_key>content</arg_key><arg_value>a</arg_value><arg_key>content</arg_key><arg_value>b</arg_value>", """write {"content":"b"}"""),
        ("nope<arg_key>k</arg_key><arg_value>v</arg_value>", """nope {"k":"v"}"""),
        ("now", "now {}"),

        // No reading.
        ("nopecity</arg_key><arg_value>X</arg_value>", null),
        ("get_weathernope</arg_key><arg_value>X</arg_value>", null),
        ("nope</arg_value>", null),
        ("is a tag, so", null),
    ];

    public static IEnumerable<OutputCase> All =>
    [
        .. Of("glm45", "", ""), .. Of("glm47", "", ""), .. Of("ling3", "", ""), .. Of("poolside_v1", "", ""), .. Of("hy_v4", "<tool_calls>",
            "</tool_calls>"),
    ];

    private static IEnumerable<OutputCase> Of(string tools, string open, string close) => Rows.Select(row =>
    {
        var output = $"{open}<tool_call>{row.Body}</tool_call>{close}";
        return new OutputCase(row.Body, output, row.Expected is null ? "T " + output : "C " + row.Expected) { Tools = tools };
    });
}
