namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>Single situations that one format or another got wrong somewhere, in vLLM's bug tracker or in ours.</summary>
internal static class VectorCases
{
    private const string Eos = "<｜end▁of▁sentence｜>";

    public static IEnumerable<OutputCase> All =>
    [
        .. Coder(), .. Dsml(), .. Glm(), .. Kimi(), .. Mistral(), .. Bare(), .. Gemma(), .. Harmony(), .. Others(),
    ];

    private static IEnumerable<OutputCase> Coder() => new OutputCase[]
    {
        new("one newline of framing",
            "<tool_call>\n<function=write>\n<parameter=content>\n\n    if x:\n        return 1\n\n</parameter>\n</function>\n</tool_call>",
            """C write {"content":"\n    if x:\n        return 1\n"}"""),
        new("CRLF framing", "<tool_call>\r\n<function=get_weather>\r\n<parameter=city>\r\nParis\r\n</parameter>\r\n</function>\r\n</tool_call>",
            """C get_weather {"city":"Paris"}"""),
        new("compact value keeps its spaces", "<tool_call><function=get_weather><parameter=city> Paris </parameter></function></tool_call>",
            """C get_weather {"city":" Paris "}"""),
        new("integer with spaces", "<tool_call>\n<function=get_weather>\n<parameter=days> 3 </parameter>\n</function>\n</tool_call>",
            """C get_weather {"days":3}"""),
        new("no integer", "<tool_call>\n<function=get_weather>\n<parameter=days>three</parameter>\n</function>\n</tool_call>",
            """C get_weather {"days":"three"}"""),
        new("object", "<tool_call><function=get_weather><parameter=opts>{\"a\": [1, 2]}</parameter></function></tool_call>",
            """C get_weather {"opts":{"a":[1,2]}}"""),
        new("empty object", "<tool_call><function=get_weather><parameter=opts></parameter></function></tool_call>", """C get_weather {"opts":{}}"""),
        new("Python object", "<tool_call><function=get_weather><parameter=opts>{'a': True, 'b': None}</parameter></function></tool_call>",
            """C get_weather {"opts":{"a":true,"b":null}}"""),
        new("anyOf integer", "<tool_call><function=typed><parameter=maybe>7</parameter></function></tool_call>", """C typed {"maybe":7}"""),
        new("anyOf null", "<tool_call><function=typed><parameter=maybe>null</parameter></function></tool_call>", """C typed {"maybe":null}"""),
        new("nullable string",
            "<tool_call><function=typed><parameter=nullable>null</parameter><parameter=color>red</parameter></function></tool_call>",
            """C typed {"nullable":null,"color":"red"}"""),
        new("reference", "<tool_call><function=typed><parameter=box>{\"w\": 1}</parameter></function></tool_call>", """C typed {"box":{"w":1}}"""),
        new("constant", "<tool_call><function=typed><parameter=fixed>7</parameter></function></tool_call>", """C typed {"fixed":7}"""),
        new("union prefers the integer", "<tool_call><function=typed><parameter=both>42</parameter></function></tool_call>",
            """C typed {"both":42}"""),
        new("boolean", "<tool_call><function=typed><parameter=flag>True</parameter></function></tool_call>", """C typed {"flag":true}"""),
        new("yes is no boolean", "<tool_call><function=typed><parameter=flag>yes</parameter></function></tool_call>", """C typed {"flag":"yes"}"""),
        new("number keeps its spelling", "<tool_call><function=typed><parameter=ratio>1e3</parameter></function></tool_call>",
            "C typed {\"ratio\": 1e3}") { Exact = true },
        new("integer with a zero fraction", "<tool_call><function=typed><parameter=count>5.0</parameter></function></tool_call>",
            """C typed {"count":5}"""),
        new("huge integer", "<tool_call><function=typed><parameter=count>123456789012345678901234567890</parameter></function></tool_call>",
            "C typed {\"count\": 123456789012345678901234567890}") { Exact = true },
        new("list", "<tool_call><function=typed><parameter=list>[1, 2]</parameter></function></tool_call>", """C typed {"list":[1,2]}"""),
        new("allOf", "<tool_call><function=typed><parameter=all>3</parameter></function></tool_call>", """C typed {"all":3}"""),
        new("unknown type is a string", "<tool_call><function=typed><parameter=free>3</parameter></function></tool_call>",
            """C typed {"free":"3"}"""),
        new("entities stay", "<tool_call><function=write><parameter=content>\nx &lt; y && z\n</parameter></function></tool_call>",
            """C write {"content":"x &lt; y && z"}"""),
        new("closer as text in a value",
            "<tool_call><function=write><parameter=content>\na </parameter> b </function> c\n</parameter>\n</function></tool_call>",
            """C write {"content":"a </parameter> b </function> c"}"""),
        new("missing parameter closer",
            "<tool_call><function=write><parameter=path>\np\n<parameter=content>\nc\n</parameter>\n</function></tool_call>",
            """C write {"path":"p","content":"c"}"""),
        new("missing last parameter closer", "<tool_call><function=write><parameter=path>\np\n</function>\n</tool_call>", """C write {"path":"p"}"""),
        new("missing wrapper closer", "<tool_call>\n<function=now>\n</function>\n<tool_call>\n<function=now>\n</function>\n</tool_call>", "C now {}",
            "C now {}"),
        new("missing wrapper", "<function=now>\n</function>", "C now {}"),
        new("two functions in one wrapper", "<tool_call>\n<function=now>\n</function>\n<function=now>\n</function>\n</tool_call>", "C now {}",
            "C now {}"),
        new("spaces inside tags", "<tool_call>< function = get_weather >< parameter = city >X</ parameter ></ function ></tool_call>",
            """C get_weather {"city":"X"}"""),
        new("closed inside the name", "<tool_call><function=now</function></tool_call>", "C now {}"),
        new("duplicate parameter: the last counts",
            "<tool_call><function=get_weather><parameter=city>A</parameter><parameter=city>B</parameter></function></tool_call>",
            """C get_weather {"city":"B"}"""),
        new("JSON in the wrapper", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", "C now {}"),
        new("JSON in the function", "<tool_call>\n<function=get_weather>\n{\"city\": \"X\"}\n</function>\n</tool_call>",
            """C get_weather {"city":"X"}"""),
        new("thought ended by a call", "plan<tool_call>\n<function=now>\n</function>\n</tool_call>", "R plan", "C now {}")
            { PromptTail = "<think>\n" },
        new("cut in a value", "<tool_call>\n<function=write>\n<parameter=content>\nabc", "T <tool_call>\n<function=write>\n<parameter=content>\nabc"),
        new("function in prose", "write <function= then a name", "T write <function= then a name"),
        new("name with underscores", "<tool_call><function=run_in_terminal></function></tool_call>", "C run_in_terminal {}"),
        new("parameter unknown to the tool", "<tool_call><function=now><parameter=tz>5</parameter></function></tool_call>", """C now {"tz":"5"}"""),
    }.Select(item => item with { Tools = "qwen3_coder", Reasoning = "qwen3" });

    private static IEnumerable<OutputCase> Dsml() => new OutputCase[]
    {
        new("newlines before the block", "Hi\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"now\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
            "T Hi", "C now {}"),
        new("string attribute wins",
            "<｜DSML｜function_calls><｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"days\" "
                + "string=\"true\">42</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls>",
            """C get_weather {"days":"42"}"""),
        new("no JSON",
            "<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"days\" string=\"false\">abc</｜DSML｜parameter></｜DSML｜invo"
                + "ke></｜DSML｜tool_calls>",
            """C get_weather {"days":"abc"}"""),
        new("no attribute: schema",
            "<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"days\">3</｜DSML｜parameter><｜DSML｜parameter "
                + "name=\"city\">3</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜tool_calls>",
            """C get_weather {"days":3,"city":"3"}"""),
        new("mangled closers",
            "<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"city\" string=\"true\">X</｜DSML｜parameter\n</invoke></｜DS"
                + "ML｜tool_calls>",
            """C get_weather {"city":"X"}"""),
        new("ASCII bars",
            "<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"city\" string=\"true\">X</|DSML|parameter></|DSML|invoke>"
                + "</｜DSML｜tool_calls>",
            """C get_weather {"city":"X"}"""),
        new("ends in a shell redirection",
            "<｜DSML｜tool_calls><｜DSML｜invoke name=\"write\"><｜DSML｜parameter name=\"content\" string=\"true\">make "
                + "2>&1</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜tool_calls>",
            """C write {"content":"make 2>&1"}"""),
        new("arguments wrapped once more",
            "<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"arguments\" "
                + "string=\"false\">{\"city\":\"X\"}</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜tool_calls>",
            """C get_weather {"city":"X"}"""),
        new("wrapper not of the schema stays",
            "<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"input\" string=\"false\">{\"zip\":1}</｜DSML｜parameter></｜"
                + "DSML｜invoke></｜DSML｜tool_calls>",
            """C get_weather {"input":{"zip":1}}"""),
        new("invoke without a wrapper", "<｜DSML｜invoke name=\"now\"></｜DSML｜invoke>", "C now {}"),
        new("spaced", "<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"now\">\n</｜DSML｜ invoke>\n</｜DSML｜ calls>", "C now {}"),
        new("end of sentence", "text" + Eos, "T text"),
        new("end of sentence in a thought", "text" + Eos, "R text") { PromptTail = "<｜Assistant｜><think>" },
        new("orphan closer", "a</｜DSML｜tool_calls>b", "T ab"),
        new("JSON body", "<｜DSML｜tool_calls><｜DSML｜invoke name=\"get_weather\">{\"city\":\"X\"}</｜DSML｜invoke></｜DSML｜tool_calls>",
            """C get_weather {"city":"X"}"""),
    }.Select(item => item with { Tools = "deepseek_v4", Reasoning = "deepseek_v4" });

    private static IEnumerable<OutputCase> Glm() => new OutputCase[]
    {
        new("missing value opener", "<tool_call>get_weather<arg_key>city</arg_key>X</arg_value></tool_call>", """C get_weather {"city":"X"}"""),
        new("undeclared bare name is prose", "<tool_call>foo</tool_call>", "T <tool_call>foo</tool_call>"),
        new("stray marker in prose", "the <tool_call> tag is used", "T the <tool_call> tag is used"),
        new("no arguments", "<tool_call>now\n</tool_call>", "C now {}"),
        new("value verbatim", "<tool_call>get_weather<arg_key>city</arg_key><arg_value> X\n</arg_value></tool_call>",
            """C get_weather {"city":" X\n"}"""),
        new("nullable", "<tool_call>typed<arg_key>nullable</arg_key><arg_value>null</arg_value></tool_call>", """C typed {"nullable":null}"""),
        new("string null", "<tool_call>get_weather<arg_key>city</arg_key><arg_value>null</arg_value></tool_call>",
            """C get_weather {"city":"null"}"""),
        new("JSON in the wrapper", "<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>", "C now {}"),
    }.Select(item => item with { Tools = "glm47", Reasoning = "glm45" });

    private static IEnumerable<OutputCase> Kimi() => new OutputCase[]
    {
        new("no section", "<|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|>", "C now {}"),
        new("singular section",
            "<|tool_call_section_begin|><|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_call_section_end|>",
            "C now {}"),
        new("text before",
            "Sure.<|tool_calls_section_begin|><|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section"
                + "_end|>", "T Sure.", "C now {}"),
        new("noise in the section",
            "<|tool_calls_section_begin|> well <|tool_call_begin|>now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
            "C now {}"),
        new("newlines in the header",
            "<|tool_calls_section_begin|><|tool_call_begin|>\n functions.now:0 \n<|tool_call_argument_begin|> {} "
                + "<|tool_call_end|><|tool_calls_section_end|>", "C now {}"),
        new("dots in the name", "<|tool_call_begin|>functions.math.add:0<|tool_call_argument_begin|>{\"a\":1}<|tool_call_end|>",
            "C math.add {\"a\":1}"),
        new("no number", "<|tool_call_begin|>functions.now<|tool_call_argument_begin|>{}<|tool_call_end|>", "C now {}"),
        new("invalid arguments are text", "<|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{oops}<|tool_call_end|>",
            "T <|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{oops}<|tool_call_end|>"),
        new("thought without its end",
            "hm<|tool_calls_section_begin|><|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_en"
                + "d|>", "R hm", "C now {}")
            { PromptTail = "<think>" },
        new("thinks again after the section", "<|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|><think>b</think>c",
            "C now {}", "R b", "T c"),
        new("large argument", "<|tool_call_begin|>functions.write:0<|tool_call_argument_begin|>{\"content\":\"" + new string('x', 3000)
            + "\"}<|tool_call_end|>", "C write {\"content\":\"" + new string('x', 3000) + "\"}"),
        new("empty section", "<|tool_calls_section_begin|><|tool_calls_section_end|>ok", "T ok"),
    }.Select(item => item with { Tools = "kimi_k2", Reasoning = "kimi_k2" });

    private static IEnumerable<OutputCase> Mistral() => new OutputCase[]
    {
        new("array without space", "[TOOL_CALLS][{\"name\":\"now\",\"arguments\":{}}]", "C now {}"),
        new("named without ARGS", "[TOOL_CALLS]get_weather[ARGS]{\"city\":\"Paris\"}[TOOL_CALLS]now{}", "C get_weather {\"city\":\"Paris\"}",
            "C now {}"),
        new("braces before", "see {x} [TOOL_CALLS]now{}", "T see {x} ", "C now {}"),
        new("call id", "[TOOL_CALLS]now[CALL_ID]abcdef123[ARGS]{}", "C now {}"),
        new("text behind the array", "[TOOL_CALLS] [{\"name\":\"now\",\"arguments\":{}}] ok", "C now {}", "T  ok"),
        new("object instead of array", "[TOOL_CALLS]{\"name\":\"now\",\"arguments\":{}}", "C now {}"),
        new("marker in prose", "[TOOL_CALLS] is a marker", "T [TOOL_CALLS] is a marker"),
        new("integer arguments", "[TOOL_CALLS][{\"name\":\"get_weather\",\"arguments\":{\"days\":3}}]", "C get_weather {\"days\":3}"),
        new("no thought", "b[x]", "T b[x]"),
        new("first call of a cut array", "[TOOL_CALLS][{\"name\":\"now\",\"arguments\":{}},{\"name\":\"wri", "C now {}", "T {\"name\":\"wri"),
    }.Select(item => item with { Tools = "mistral", Reasoning = "mistral" });

    private static IEnumerable<OutputCase> Bare() => new OutputCase[]
    {
        new("two calls", "{\"name\":\"now\",\"parameters\":{}}; {\"name\":\"get_weather\",\"parameters\":{\"city\":\"Münster\"}}", "C now {}",
            "C get_weather {\"city\":\"Münster\"}") { Tools = "llama3_json" },
        new("JSON answer", "{\"answer\": 42}", "T {\"answer\": 42}") { Tools = "llama3_json" },
        new("answer with a name", "{\"name\": \"Bob\", \"age\": 3}", "T {\"name\": \"Bob\", \"age\": 3}") { Tools = "llama3_json" },
        new("text first", "Sure: {\"name\":\"now\",\"parameters\":{}}", "T Sure: {\"name\":\"now\",\"parameters\":{}}") { Tools = "llama3_json" },
        new("python tag", "<|python_tag|>{\"name\":\"now\",\"parameters\":{}}", "C now {}") { Tools = "llama3_json" },
        new("python tag with code", "<|python_tag|>print(1)", "T print(1)") { Tools = "llama3_json" },
        new("leading space and arguments key", "\n {\"name\":\"now\",\"arguments\":{}}", "C now {}") { Tools = "llama3_json" },
        new("end of turn", "{\"name\":\"now\",\"parameters\":{}}<|eom_id|>", "C now {}") { Tools = "llama3_json" },
        new("pretty answer", "{\n  \"a\": [\n    1\n  ]\n}", "T {\n  \"a\": [\n    1\n  ]\n}") { Tools = "llama3_json" },
        new("pythonic", "[get_weather(city='it\\'s [x]', days=-1), now()]", """C get_weather {"city":"it's [x]","days":-1}""", "C now {}")
            { Tools = "pythonic" },
        new("strings side by side and in parentheses", "[write(path='a' \"b\", content=('c\\n'\n 'd')), write(path=('e'))]",
            """C write {"path":"ab","content":"c\nd"}""", """C write {"path":"e"}""") { Tools = "pythonic" },
        new("raw strings", "[write(path=r'C:\\new', content=u'\\u00e9'), write(path=R\"\\d+\\\"\")]",
            """C write {"path":"C:\\new","content":"é"}""", """C write {"path":"\\d+\\\""}""") { Tools = "pythonic" },
        new("strings in a list need a comma", "[get_weather(tags=['a' 'b'])]", "T [get_weather(tags=['a' 'b'])]") { Tools = "pythonic" },
        new("a list is no call", "[1, 2]", "T [1, 2]") { Tools = "pythonic" },
        new("positional arguments are none", "[now(1)]", "T [now(1)]") { Tools = "pythonic" },
        new("markdown link", "[link](http://x) text", "T [link](http://x) text") { Tools = "pythonic" },
        new("over lines", "[\n  now(),\n  get_weather(\n    city=\"X\",\n  ),\n]", "C now {}", "C get_weather {\"city\":\"X\"}")
            { Tools = "pythonic" },
        new("literals", "[f(a=None, b=True, c=[1, (2,)], d={'x': {1}}, e=0x1f, g=.5, h=1_000, i=\"\"\"a\"b\"\"\")]",
            "T [f(a=None, b=True, c=[1, (2,)], d={'x': {1}}, e=0x1f, g=.5, h=1_000, i=\"\"\"a\"b\"\"\")]") { Tools = "pythonic" },
        new("literals with markers",
            "<|tool_call_start|>[f(a=None, b=True, c=[1, (2,)], d={'x': {1}}, e=0x1f, g=.5, h=1_000, i=\"\"\"a\"b\"\"\", "
                + "from=007)]<|tool_call_end|>ok",
            """C f {"a":null,"b":true,"c":[1,[2]],"d":{"x":[1]},"e":31,"g":0.5,"h":1000,"i":"a\"b","from":7}""", "T ok") { Tools = "lfm2" },
        new("JSON in LFM2", "<|tool_call_start|>[{\"name\": \"now\", \"arguments\": {}}]<|tool_call_end|>", "C now {}") { Tools = "lfm2" },
        new("line break in a string", "<|tool_call_start|>[write(content='a\nb')]<|tool_call_end|>", """C write {"content":"a\nb"}""")
            { Tools = "lfm2" },
        new("olmo lines", "Text\n<function_calls>\nget_weather(city=\"Paris\", tags=null)\nnow()\n</function_calls>", "T Text",
            """C get_weather {"city":"Paris","tags":null}""", "C now {}") { Tools = "olmo3" },
        new("xlam fenced", "```json\n[{\"name\": \"now\", \"arguments\": {}}]\n```", "C now {}") { Tools = "xlam" },
        new("xlam answer fenced", "```json\n{\"a\": 1}\n```", "T ```json\n{\"a\": 1}\n```") { Tools = "xlam" },
    };

    private static IEnumerable<OutputCase> Gemma() => new OutputCase[]
    {
        new("all types",
            "<|tool_call>call:get_weather{city:<|\"|>Paris<|\"|>,days:3,opts:{metric:true},tags:[<|\"|>a<|\"|>,<|\"|>b<|\"|>]}<tool_call|>",
            """C get_weather {"city":"Paris","days":3,"opts":{"metric":true},"tags":["a","b"]}"""),
        new("brackets in a string", "<|tool_call>call:write{content:<|\"|>} , {<|\"|>}<tool_call|>", """C write {"content":"} , {"}"""),
        new("thought", "<|channel>thought\nplan<channel|>answer<turn|>", "R plan", "T answer"),
        new("empty thought", "<|channel>thought\n<channel|>answer", "T answer"),
        new("trailing comma", "<|tool_call>call:get_weather{city:<|\"|>X<|\"|>,}<tool_call|>", """C get_weather {"city":"X"}"""),
        new("no call word", "<|tool_call>:now{}<tool_call|>", "C now {}"),
        new("parentheses", "<|tool_call>call:get_weather(city:<|\"|>X<|\"|>)<tool_call|>", """C get_weather {"city":"X"}"""),
        new("JSON", "<|tool_call>call:get_weather{\"city\": \"X\"}<tool_call|>", """C get_weather {"city":"X"}"""),
        new("bare word", "<|tool_call>call:get_weather{city:New York}<tool_call|>", """C get_weather {"city":"New York"}"""),
        new("number for a string", "<|tool_call>call:get_weather{city:42}<tool_call|>", """C get_weather {"city":"42"}"""),
        new("call in a thought", "<|channel>thought\nhm<|tool_call>call:now{}<tool_call|>", "R hm", "C now {}"),
        new("hyphen", "<|tool_call>call:mcp-x__list-files{dir:<|\"|>/<|\"|>}<tool_call|>", """C mcp-x__list-files {"dir":"/"}"""),
    }.Select(item => item with { Tools = "gemma4", Reasoning = "gemma4" });

    private static IEnumerable<OutputCase> Harmony() => new OutputCase[]
    {
        new("analysis and final", "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "R a", "T b"),
        new("recipient before the channel", " to=functions.now<|channel|>commentary <|constrain|>json<|message|>{}<|call|>", "C now {}"),
        new("recipient behind the channel",
            "<|channel|>commentary to=functions.get_weather json<|message|>{\"city\": \"Zürich\", \"days\": 1e3}<|call|>",
            "C get_weather {\"city\": \"Zürich\", \"days\": 1e3}") { Exact = true },
        new("preamble",
            "<|channel|>commentary<|message|>I will look.<|end|><|start|>assistant<|channel|>commentary to=functions.now<|message|><|call|>",
            "T I will look.", "C now {}"),
        new("JSON answer is no call", "<|channel|>final <|constrain|>json<|message|>{\"a\":1}<|return|>", "T {\"a\":1}"),
        new("bare json is no recipient", "<|channel|>final json<|message|>{\"a\":1}<|return|>", "T {\"a\":1}"),
        new("stray words", "<|channel|>commentary to=functions.now extra words<|message|>{}<|call|>", "C now {}"),
        new("marker glued to the name", "<|channel|>commentary to=functions.now<|constrain|>json<|message|>{}<|call|>", "C now {}"),
        new("no functions prefix", "<|channel|>commentary to=now<|message|>{}<|call|>", "C now {}"),
        new("built-in tool", "<|channel|>analysis to=python code<|message|>print(1)<|call|>", "R print(1)"),
        new("no header", "Hello <b>", "T Hello <b>"),
        new("missing start", "<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>b<|return|>", "R a", "T b"),
        new("no end before the next", "<|channel|>analysis<|message|>a<|start|>assistant<|channel|>final<|message|>b", "R a", "T b"),
        new("cut in the header", "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>fin", "R a",
            "T <|start|>assistant<|channel|>fin"),
        new("cut in the arguments", "<|channel|>commentary to=functions.get_weather<|message|>{\"city\":",
            "T <|channel|>commentary to=functions.get_weather<|message|>{\"city\":"),
        new("complete arguments, no end", "<|channel|>commentary to=functions.get_weather<|message|>{\"city\":\"X\"}",
            "C get_weather {\"city\":\"X\"}"),
        new("two calls of one tool",
            "<|channel|>commentary to=functions.now<|message|>{}<|call|><|start|>assistant<|channel|>commentary to=functions.now<|message|>{}<|call|>", "C now {}", "C now {}"),
        new("prompt opened the final message", "b<|return|>", "T b") { PromptTail = "<|start|>assistant<|channel|>final<|message|>" },
        new("prompt ends with the role", "<|channel|>analysis<|message|>a", "R a") { PromptTail = "<|end|><|start|>assistant" },
        new("garbage channel", "<|channel|>––commentary to=functions.now<|message|>{}<|call|>", "C now {}"),
        new("arguments no JSON", "<|channel|>commentary to=functions.now<|message|>oops<|call|>",
            "T <|channel|>commentary to=functions.now<|message|>oops<|call|>"),
    }.Select(item => item with { Tools = "openai", Reasoning = "openai_gptoss" });

    private static IEnumerable<OutputCase> Others() =>
    [
        new("verbatim value, two invokes",
            "<minimax:tool_call>\n<invoke name=\"write\">\n<parameter name=\"content\">\nx\n</parameter>\n</invoke>\n<invoke "
                + "name='now'>\n</invoke>\n</minimax:tool_call>[e~[",
            """C write {"content":"\nx\n"}""", "C now {}") { Tools = "minimax_m2", Reasoning = "minimax_m2" },
        new("unquoted name", "<minimax:tool_call><invoke name=now></invoke></minimax:tool_call>", "C now {}") { Tools = "minimax_m2" },
        new("action in a string",
            "<|START_THINKING|>p<|END_THINKING|><|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"write\", "
                + "\"parameters\": {\"content\": \"<|END_ACTION|>\"}}\n]<|END_ACTION|>",
            "R p", "C write {\"content\": \"<|END_ACTION|>\"}") { Tools = "cohere", Reasoning = "cohere" },
        new("action without parameters", "<|START_ACTION|>{\"tool_name\": \"now\"}<|END_ACTION|>", "C now {}") { Tools = "cohere" },
        new("no call id", "<|START_ACTION|>[{\"tool_name\": \"now\", \"parameters\": {}}]<|END_ACTION|>", "C now {}") { Tools = "cohere" },
        new("visible text", "<|START_RESPONSE|>hi<|END_RESPONSE|>", "T hi") { Tools = "cohere", Reasoning = "cohere" },
        new("citations leave their text",
            "<|START_RESPONSE|><co>It is 3</co: 0:[0]>, and <co>now</co: 0:[1,2],1:[0]> <co>4 < 5</co: 1:[0]>.<|END_RESPONSE|>",
            "T It is 3, and now 4 < 5.")
            { Tools = "cohere", Reasoning = "cohere" },
        new("citations by number", "<co: 0>Paris</co: 0> and <co: 0,1>Rome</co: 0,1>", "T Paris and Rome") { Tools = "cohere" },
        new("a space before a citation", "<|START_TEXT|> <co>hi</co: 0:[0]><|END_TEXT|>", "T  hi") { Tools = "cohere_cofl", Reasoning = "cohere" },
        new("no citation", "the <code> tag, <co, </co: x> and <co: 1", "T the <code> tag, <co, </co: x> and <co: 1")
            { Tools = "cohere", Reasoning = "cohere" },
        new("a citation's tag in a thought is a thought", "<|START_THINKING|>use <co>x</co: 0:[0]><|END_THINKING|>", "R use <co>x</co: 0:[0]>")
            { Tools = "cohere", Reasoning = "cohere" },
        new("a citation's tag in arguments is an argument",
            "<|START_ACTION|>[{\"tool_name\": \"write\", \"parameters\": {\"content\": \"<co>x</co: 0:[0]>\"}}]<|END_ACTION|>",
            "C write {\"content\": \"<co>x</co: 0:[0]>\"}")
            { Tools = "cohere" },
        new("values keep their spaces and lines",
            "<|tool_call:start|>write\n<|tool_arg:start|>content<|tool_arg:value|>\n  a\n<|tool_arg:end|>\n<|tool_call:end|>",
            "C write {\"content\":\"\\n  a\\n\"}") { Tools = "solar_open2" },
        new("typed by the schema", "<|tool_call:start|>get_weather\n<|tool_arg:start|>days<|tool_arg:value|>3<|tool_arg:end|>\n<|tool_call:end|>",
            "C get_weather {\"days\":3}") { Tools = "solar_open2" },
        new("call in an open thought", "hm<|tool_call:start|>now\n<|tool_call:end|>", "R hm", "C now {}")
            { Tools = "solar_open2", Reasoning = "solar_open2", PromptTail = "<|think:start|>" },
        new("closed thought in the prompt", "a", "T a")
            { Tools = "solar_open2", Reasoning = "solar_open2", PromptTail = "<|think:start|><|think:end|>" },
        new("quotes of Python", "<|tool_calls|>[{'name': 'write', 'arguments': {'content': \"it's\", 'n': None, 'ok': True}}]",
            "C write {\"content\":\"it's\",\"n\":null,\"ok\":true}") { Tools = "sarashina" },
        new("JSON behind the marker", "<|tool_calls|>[{\"name\": \"now\", \"arguments\": {}}]", "C now {}") { Tools = "sarashina" },
        new("nested elements",
            "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"get_weather\">]<]minimax[>[<city>a </city> "
                + "b]<]minimax[>[</city>]<]minimax[>[<tags>]<]minimax[>[<item>x]<]minimax[>[</item>]<]minimax[>[<item>y]<]minimax[>[</item>]<]minim"
                + "ax[>[</tags>]<]minimax[>[<opts>]<]minimax[>[<k>v]<]minimax[>[</k>]<]minimax[>[</opts>]<]minimax[>[</invoke>]<]minimax[>[</tool_c"
                + "all>",
            """C get_weather {"city":"a </city> b","tags":["x","y"],"opts":{"k":"v"}}""") { Tools = "minimax_m3" },
        new("attributes decoded",
            "<|open|>tools<|sep|><|open|>call tool=\"now\" index=\"1\"<|sep|><|open|>argument key=\"a&quot;b\" "
                + "type=\"number\"<|sep|>1.50<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|><|end_of_msg|>",
            "C now {\"a\\\"b\": 1.50}") { Tools = "kimi_k3", Exact = true },
        new("header of a text block", "<|message_model|><|content_text|>hi<|end_message|><|content_model_end_sampling|>", "T hi")
            { Tools = "inkling", Reasoning = "inkling" },
        new("action of a plugin", "ok\n<|action_start|><|plugin|>\n{\"name\": \"now\", \"parameters\": {}}<|action_end|>", "T ok", "C now {}")
            { Tools = "internlm" },
        new("single-key object", "<|tools_prefix|>[{\"get_weather\": {\"city\": \"X\"}}, {\"now\": {}}]<|tools_suffix|>",
            "C get_weather {\"city\": \"X\"}", "C now {}") { Tools = "apertus" },
        new("suffix missing", "<|tools_prefix|>[{\"now\": {}}]", "C now {}") { Tools = "apertus" },
        new("role separator form", "<|message_sep|>function call<|role_sep|>\n{\"name\": \"now\", \"arguments\": {}}</s>", "C now {}")
            { Tools = "gigachat3" },
        new("CDATA", "<function name='write'><param name='content'><![CDATA[a < b]]></param></function>", """C write {"content":"a < b"}""")
            { Tools = "minicpm5" },
        new("unicode markers", "◁think▷a◁/think▷b", "R a", "T b") { Reasoning = "kimi" },
        new("granite sentences", "Here is my thought process: a\nHere is my response: b", "R  a", "T  b") { Reasoning = "granite" },
        new("minimax thinks", "<mm:think>a</mm:think>b", "R a", "T b") { Reasoning = "minimax_m3" },
        new("hunyuan answer", "<think>\na\n</think>\n<answer>\nb\n</answer>", "R a", "T b") { Reasoning = "hunyuan_a13b", Tools = "hunyuan_a13b" },
        new("effort markers", "<ifm|think_faster>a</ifm|think_faster>b", "R a", "T b") { Reasoning = "k2_horizon" },
        new("horizon JSON", "<ifm|tool_calls><ifm|tool_call>{\"name\": \"now\", \"arguments\": {}}</ifm|tool_call></ifm|tool_calls>", "C now {}")
            { Tools = "k2_horizon" },
        new("DSML stays in a thought of V3.2", "x<｜DSML｜invoke name=\"now\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls></think>b",
            "R x<｜DSML｜invoke name=\"now\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>", "T b")
            { Tools = "deepseek_v32", Reasoning = "deepseek_v32", PromptTail = "<think>" },
        new("a call in a thought of A13B stays in it",
            "<think>\na <tool_calls>[{\"name\":\"now\",\"arguments\":{}}]</tool_calls>\n</think>\n<answer>\nok\n</answer>",
            "R a <tool_calls>[{\"name\":\"now\",\"arguments\":{}}]</tool_calls>", "T ok") { Tools = "hunyuan_a13b", Reasoning = "hunyuan_a13b" },
        new("no wrapper", "<invoke name='get_weather'><parameter name=city>A</parameter></invoke>", "C get_weather {\"city\":\"A\"}")
            { Tools = "minimax_m2", Reasoning = "minimax_m2" },
        new("LongCat's own think tags", "<longcat_think>\nx\n</longcat_think>\nhi", "R x", "T hi") { Tools = "longcat", Reasoning = "longcat" },
        new("call stays in a strict thought", "a<tool_calls><tool_call>now</tool_call></tool_calls></think>b",
            "R a<tool_calls><tool_call>now</tool_call></tool_calls>", "T b")
            { Tools = "hy_v4", Reasoning = "hy_v4", PromptTail = "<think>" },
    ];
}
