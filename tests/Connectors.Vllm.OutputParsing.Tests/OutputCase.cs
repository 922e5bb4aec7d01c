using System.Text;
using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>
/// One output and what must come of it. Expectations are lines: <c>R text</c>, <c>T text</c>, <c>C name {arguments}</c>, in order; adjacent pieces of
/// a kind are one line. Arguments are compared as JSON, and exactly where <see cref="Exact"/> is set.
/// </summary>
public sealed record OutputCase(string Name, string Output, params string[] Expected)
{
    public string Tools { get; init; } = "none";

    public string Reasoning { get; init; } = "none";

    public string? PromptTail { get; init; }

    public bool Exact { get; init; }

    /// <summary>Texts that are one token each; then the output is also pushed with ids.</summary>
    public string[] Tokens { get; init; } = [];

    /// <summary>True: the case only holds when ids are known.</summary>
    public bool IdsOnly { get; init; }

    /// <summary>True: the case only holds where markers are text, as in prose that names them.</summary>
    public bool TextOnly { get; init; }

    public Func<OutputParserOptions, OutputParserOptions>? Configure { get; init; }

    public override string ToString() => $"{Tools}+{Reasoning}: {Name}";

    public OutputFormat Format => OutputFormat.FromNames(Tools, Reasoning, IdsOnly ? FindToken : null);

    public int? FindToken(string text) => Array.IndexOf(Tokens, text) is >= 0 and var index ? 1_000_000 + index : null;

    public OutputParserOptions Options
    {
        get
        {
            var options = new OutputParserOptions { PromptTail = PromptTail, Tools = TestTools.All, ReportMarkup = true };
            return Configure is null ? options : Configure(options);
        }
    }

    public static string[] Lines(IEnumerable<OutputEvent> events)
    {
        var lines = new List<string>();
        OutputEventKind? last = null;
        var arguments = new StringBuilder();
        var text = new StringBuilder();
        void Flush()
        {
            if (text.Length > 0)
            {
                lines.Add(text.ToString());
                text.Clear();
            }
        }

        foreach (var item in events)
        {
            switch (item.Kind)
            {
                case OutputEventKind.Markup:
                    continue;
                case OutputEventKind.ToolCallStart:
                    Flush();
                    arguments.Clear();
                    break;
                case OutputEventKind.ToolCallArguments:
                    arguments.Append(item.Text);
                    break;
                case OutputEventKind.ToolCallEnd:
                    lines.Add((item.Error is null ? "C " : "E ") + item.Name + " " + arguments);
                    break;
                default:
                    var prefix = item.Kind == OutputEventKind.Reasoning ? "R " : "T ";
                    if (last != item.Kind)
                    {
                        Flush();
                        text.Append(prefix);
                    }

                    text.Append(item.Text);
                    break;
            }

            last = item.Kind;
        }

        Flush();
        return [.. lines];
    }

    public static string Raw(IEnumerable<OutputEvent> events) =>
        string.Concat(events.Where(item => item.Kind != OutputEventKind.ToolCallArguments).Select(item => item.Text));

    public void AssertExpected(string[] lines)
    {
        Assert.Equal(Expected.Select(Normal), lines.Select(Normal));
    }

    private string Normal(string line)
    {
        if (Exact || !line.StartsWith("C ", StringComparison.Ordinal) || line.IndexOf(' ', 2) is not (> 0 and var space))
        {
            return line;
        }

        try
        {
            using var document = JsonDocument.Parse(line[space..]);
            var buffer = new System.Buffers.ArrayBufferWriter<byte>();
            using (var writer =
                new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                Sorted(document.RootElement, writer);
            }

            return line[..space] + " " + Encoding.UTF8.GetString(buffer.WrittenSpan);
        }
        catch (JsonException)
        {
            return line + " (not JSON)";
        }
    }

    private static void Sorted(JsonElement element, Utf8JsonWriter writer)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in element.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(member.Name);
                    Sorted(member.Value, writer);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                {
                    Sorted(item, writer);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(element.GetString());
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }
}
