using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Connectors.Vllm.Testing.Model;

/// <summary>
/// Generates a text that a Lark grammar allows, for the part of the language that vLLM's compilers share: the first alternative, the fewest
/// repetitions. Supports strings, regular expressions, <c>%json</c>, rules, groups, repetition and special tokens by id.
/// </summary>
/// <param name="grammar">The grammar.</param>
/// <param name="schemas">Generates JSON values.</param>
/// <param name="token">Gets the text of a token.</param>
internal sealed class LarkSampler(string grammar, SchemaSampler schemas, Func<int, string> token)
{
    private const int MaxDepth = 64;
    private readonly Dictionary<string, string> _rules = Rules(grammar);

    /// <summary>Generates a text for the start rule; empty if there is none.</summary>
    public string Sample() => Rule("start", 0);

    private static Dictionary<string, string> Rules(string grammar)
    {
        var rules = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in grammar.Split('\n'))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon < 0 ? "" : line[..colon].Split('[')[0].Trim();
            if (name.Length > 0 && name.All(character => char.IsAsciiLetterOrDigit(character) || character == '_'))
            {
                rules[name] = line[(colon + 1)..];
            }
        }

        return rules;
    }

    private string Rule(string name, int depth)
    {
        var at = 0;
        return depth < MaxDepth && _rules.TryGetValue(name, out var body) ? Alternatives(body, ref at, depth + 1) : "";
    }

    private string Alternatives(string body, ref int at, int depth)
    {
        string? first = null;
        do
        {
            at += first is null ? 0 : 1;
            var branch = Branch(body, ref at, depth);
            first ??= branch;
        }
        while (at < body.Length && body[at] == '|');
        return first;
    }

    private string Branch(string body, ref int at, int depth)
    {
        var text = new StringBuilder();
        while (at < body.Length && body[at] is not ('|' or ')'))
        {
            if (body[at] == ' ')
            {
                at++;
                continue;
            }

            var atom = Atom(body, ref at, depth);
            text.Append(at < body.Length && body[at] is '?' or '*' ? "" : atom);
            at += at < body.Length && body[at] is '?' or '*' or '+' ? 1 : 0;
        }

        return text.ToString();
    }

    private string Atom(string body, ref int at, int depth)
    {
        switch (body[at])
        {
            case '(':
                at++;
                var group = Alternatives(body, ref at, depth);
                at++;
                return group;
            case '"':
                using (var literal = JsonDocument.Parse(Delimited(body, ref at, '"')))
                {
                    return literal.RootElement.GetString()!;
                }

            case '/':
                return RegexSampler.Sample(Delimited(body, ref at, '/')[1..^1]);
            case '<':
                var ids = Delimited(body, ref at, '>').Trim('<', '>', '[', ']');
                return token(int.Parse(ids.Split(',', '-')[0], CultureInfo.InvariantCulture));
            case '%':
                var schema = body[(at + "%json".Length)..];
                at = body.Length;
                using (var document = JsonDocument.Parse(schema))
                {
                    return schemas.Sample(document.RootElement);
                }

            default:
                var start = at;
                while (at < body.Length && (char.IsAsciiLetterOrDigit(body[at]) || body[at] == '_'))
                {
                    at++;
                }

                return at > start ? Rule(body[start..at], depth) : throw new FormatException($"'{body[at]}' in a Lark rule is not understood.");
        }
    }

    private static string Delimited(string body, ref int at, char end)
    {
        var start = at++;
        while (at < body.Length && body[at] != end)
        {
            at += body[at] == '\\' ? 2 : 1;
        }

        at = Math.Min(at + 1, body.Length);
        return body[start..at];
    }
}
