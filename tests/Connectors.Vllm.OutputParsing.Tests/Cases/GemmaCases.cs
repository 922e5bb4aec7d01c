namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>
/// What Gemma's models write between the brackets of a call: strings in three kinds of quotes, words without any, commas that are missing. Every row
/// is read in both formats; <c>§</c> stands for the format's own delimiter.
/// </summary>
internal static class GemmaCases
{
    private static readonly (string Call, string? Expected)[] Rows =
    [
        // Strings, and what stands in them.
        ("""write{content:§say "hi", it's {x}§,path:§p§}""", """write {"content":"say \"hi\", it's {x}","path":"p"}"""),
        ("""write{content:"a, b} c] (d",path:'x, y}'}""", """write {"content":"a, b} c] (d","path":"x, y}"}"""),
        ("""write{content:'say "x, y"',path:"it's, ok"}""", """write {"content":"say \"x, y\"","path":"it's, ok"}"""),
        ("""write{content:§§,path:""}""", """write {"content":"","path":""}"""),
        ("write{content:''}", """write {"content":""}"""),
        ("""write{content:§{"a": [1, 2]}§}""", """write {"content":"{\"a\": [1, 2]}"}"""),
        ("""write{content:'{"a": "b, c"}',path:p}""", """write {"content":"{\"a\": \"b, c\"}","path":"p"}"""),
        ("""write{content:"a\nb\t\"c\""}""", """write {"content":"a\nb\t\"c\""}"""),
        ("""write{content:§a\nb§}""", """write {"content":"a\\nb"}"""),
        ("write{content:\"line 1,\nline 2}\",path:p}", """write {"content":"line 1,\nline 2}","path":"p"}"""),
        ("write{content:§[link](url), {y}§,path:§a]b§}", """write {"content":"[link](url), {y}","path":"a]b"}"""),

        // Quotes in quotes: one that nothing of a dictionary follows is content.
        ("""write{content:"say "hi" now",path:p}""", """write {"content":"say \"hi\" now","path":"p"}"""),
        ("""write{content:"say "hi", then go",path:p}""", """write {"content":"say \"hi\", then go","path":"p"}"""),
        ("""write{content:"{"a": 1}",path:p}""", """write {"content":"{\"a\": 1}","path":"p"}"""),
        ("""write{content:"<a href="x">y</a>",path:"p"}""", """write {"content":"<a href=\"x\">y</a>","path":"p"}"""),
        ("write{content:'the dogs' bones',path:p}", """write {"content":"the dogs' bones","path":"p"}"""),
        ("write{content:'it's, you know, fine',path:p}", """write {"content":"it's, you know, fine","path":"p"}"""),
        ("""get_weather{tags:['it's', "a "b" c"]}""", """get_weather {"tags":["it's","a \"b\" c"]}"""),
        ("""write{content:"print("a")",path:p}""", """write {"content":"print(\"a\")","path":"p"}"""),

        ("write{content:§echo §hi§ there§,path:p}", """write {"content":"echo \"hi\" there","path":"p"}"""),
        ("write{content:§§hi§, he said§,path:§p§}", """write {"content":"\"hi\", he said","path":"p"}"""),
        ("write{content:§say §a§ and §b§§}", """write {"content":"say \"a\" and \"b\""}"""),
        ("get_weather{tags:[§a §b§ c§,§d§]}", """get_weather {"tags":["a \"b\" c","d"]}"""),
        ("""write{content:"say "hi", then: go",path:p}""", """write {"content":"say \"hi\", then: go","path":"p"}"""),

        // Lists and dictionaries.
        ("""get_weather{tags:["a, b",'c} d',§e] f§,g]}""", """get_weather {"tags":["a, b","c} d","e] f","g"]}"""),
        ("zz{a:[{b:[1,[2,{c:§}§}]]}]}", """zz {"a":[{"b":[1,[2,{"c":"}"}]]}]}"""),
        ("""get_weather{opts:{"a":{"b":"}"}},city:§X§}""", """get_weather {"opts":{"a":{"b":"}"}},"city":"X"}"""),
        ("get_weather{opts:{a:[],b:{}},tags:[[],{}]}", """get_weather {"opts":{"a":[],"b":{}},"tags":[[],{}]}"""),
        ("get_weather{\n  city: §X§,\n  days: 3,\n  tags: [\n    §a§,\n    §b§,\n  ],\n}", """get_weather {"city":"X","days":3,"tags":["a","b"]}"""),
        ("typed{list:[1, 2,3 ],flag:True,maybe:None,ratio:1.5}", """typed {"list":[1,2,3],"flag":true,"maybe":null,"ratio":1.5}"""),
        ("typed{box:{w:1},color:red,both:12:30}", """typed {"box":{"w":1},"color":"red","both":"12:30"}"""),

        // Missing commas, and some too many.
        ("""get_weather{tags:[§a§ §b§ "c" 'd']}""", """get_weather {"tags":["a","b","c","d"]}"""),
        ("""get_weather{city:"X" days:3}""", """get_weather {"city":"X","days":3}"""),
        ("get_weather{city:'X' days:3}", """get_weather {"city":"X","days":3}"""),
        ("get_weather{city:§X§\ndays:3}", """get_weather {"city":"X","days":3}"""),
        ("""get_weather{opts:{a:"x" b:1} city:X}""", """get_weather {"opts":{"a":"x","b":1},"city":"X"}"""),
        ("""write{path:"p""content":"c"}""", """write {"path":"p","content":"c"}"""),
        ("write{path:§p§§content§:§c§}", """write {"path":"p","content":"c"}"""),
        ("get_weather{,city:§X§,,days:3,}", """get_weather {"city":"X","days":3}"""),

        // Words without quotes.
        ("write{path:src/[id]/page (1).tsx,content:z}", """write {"path":"src/[id]/page (1).tsx","content":"z"}"""),
        ("write{content:if (a[0] == {b}) { c(d, e); },path:p}", """write {"content":"if (a[0] == {b}) { c(d, e); }","path":"p"}"""),
        ("write{content:arr] = x,path:p}", """write {"content":"arr] = x","path":"p"}"""),
        ("write{content:a -> b) c,path:p}", """write {"content":"a -> b) c","path":"p"}"""),
        ("""write{content:git commit -m "fix: a, b",path:p}""", """write {"content":"git commit -m \"fix: a, b\"","path":"p"}"""),
        ("write{content:echo 'a, b}' > f,path:p}", """write {"content":"echo 'a, b}' > f","path":"p"}"""),
        ("write{content:echo §a, b§ now,path:p}", """write {"content":"echo \"a, b\" now","path":"p"}"""),
        ("write{content:the dogs' bones and cats' toys,path:p}", """write {"content":"the dogs' bones and cats' toys","path":"p"}"""),
        ("""write{content:5" screen,path:p}""", """write {"content":"5\" screen","path":"p"}"""),
        ("write{path:https://a.b/c?d=1&e=[2]#f,content:a=b}", """write {"path":"https://a.b/c?d=1&e=[2]#f","content":"a=b"}"""),
        ("""write{path:C:\new\x.txt,content:\d+}""", """write {"path":"C:\\new\\x.txt","content":"\\d+"}"""),
        ("get_weather{city:München (Süd),days:3}", """get_weather {"city":"München (Süd)","days":3}"""),
        ("get_weather{city:Paris, France,days:3}", """get_weather {"city":"Paris, France","days":3}"""),
        ("write{path:p,content:- [x] a, b\n- [ ] c (d), e}", """write {"path":"p","content":"- [x] a, b\n- [ ] c (d), e"}"""),
        ("write{path:p,content:- [x] done, ok: yes\n- [ ] more}", """write {"path":"p","content":"- [x] done, ok: yes\n- [ ] more"}"""),
        ("get_weather{city:X,zip:3}", """get_weather {"city":"X","zip":3}"""),
        ("get_weather{tags:[a, b c, d]}", """get_weather {"tags":["a","b c","d"]}"""),
        ("zz{a:1,  b : x y , \"c\":2}", """zz {"a":1,"b":"x y","c":2}"""),
        ("write{content:a < b,path:p}", """write {"content":"a < b","path":"p"}"""),

        // Keys and names.
        ("zz{größe:3,城市:§北京§,\"ключ\":\"да\"}", """zz {"größe":3,"城市":"北京","ключ":"да"}"""),
        ("write{'path':'p','content':'c, d'}", """write {"path":"p","content":"c, d"}"""),
        ("write{§path§:§p§,§content§:§c§}", """write {"path":"p","content":"c"}"""),
        ("""write{"path": "a \"b\" }", "content": "c"}""", """write {"path":"a \"b\" }","content":"c"}"""),
        ("zz{content-type:a,x.y:b,$z:c}", """zz {"content-type":"a","x.y":"b","$z":"c"}"""),
        ("write(path=§p§,content=c)", """write {"path":"p","content":"c"}"""),
        ("now{ }", "now {}"),
        ("now", "now {}"),
        ("now ", "now {}"),
        ("mcp-x__list-files{dir:/tmp/a-b}", """mcp-x__list-files {"dir":"/tmp/a-b"}"""),
        ("math.add{a:-1.5e3,b:2}", """math.add {"a":-1.5e3,"b":2}"""),

        // Strings that end at another kind of quote than they began with.
        ("""get_weather{city:§X",days:3}""", """get_weather {"city":"X","days":3}"""),
        ("get_weather{city:§X'}", """get_weather {"city":"X"}"""),
        ("""get_weather{city:"X§,days:3}""", """get_weather {"city":"X","days":3}"""),
        ("get_weather{city:'X§}", """get_weather {"city":"X"}"""),
        ("get_weather{city:'X\"}", """get_weather {"city":"X"}"""),
        ("""get_weather{tags:["a§,§b§]}""", """get_weather {"tags":["a","b"]}"""),
        ("""write{content:§say "hi", ok",path:p}""", """write {"content":"say \"hi\", ok","path":"p"}"""),
        ("""write{content:"say §hi§, ok",path:p}""", """write {"content":"say \"hi\", ok","path":"p"}"""),
        ("""write{content:"say §hi§"}""", """write {"content":"say \"hi\""}"""),

        // Brackets and commas too many at the end.
        ("get_weather{city:§X§}}", """get_weather {"city":"X"}"""),
        ("""get_weather{city:"X"}}}""", """get_weather {"city":"X"}"""),
        ("get_weather{days:3}}", """get_weather {"days":3}"""),
        ("get_weather{tags:[§a§]]}", null),
        ("get_weather{opts:{a:§b§}}}", """get_weather {"opts":{"a":"b"}}"""),
        ("get_weather{city:§X§},", """get_weather {"city":"X"}"""),
        ("get_weather{city:§X§})", """get_weather {"city":"X"}"""),
        ("now{} }", "now {}"),

        // What has no one reading stays text.
        ("""write{content:§he said "hi, there"}""", null),
        ("get_weather{city:§X§", null),
        ("get_weather{§X§}", null),
        ("get_weather{city:[1,2}", null),
    ];

    public static IEnumerable<OutputCase> All =>
        Of("gemma4", "<|\"|>", "<|tool_call>", "<tool_call|>").Concat(Of("functiongemma", "<escape>", "<start_function_call>",
            "<end_function_call>"));

    private static IEnumerable<OutputCase> Of(string tools, string delimiter, string open, string close) => Rows.Select(row =>
    {
        var output = $"{open}call:{row.Call.Replace("§", delimiter)}{close}";
        return new OutputCase(row.Call, output, row.Expected is null ? "T " + output : "C " + row.Expected) { Tools = tools };
    });
}
