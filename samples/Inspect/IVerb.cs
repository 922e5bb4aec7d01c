using System.Text.Json;

namespace Connectors.Vllm.Samples.Inspect;

/// <summary>One verb, loaded once: answers one JSON line, or one question of a person.</summary>
internal interface IVerb
{
    /// <summary>Whether there is a question to read. A verb without one also answers a filter that is given no line.</summary>
    bool NeedsInput => true;

    /// <summary>Answers a line: writes the members of one JSON object (the caller writes the braces).</summary>
    /// <exception cref="Exception">Any error of the line; the caller answers it and reads the next line.</exception>
    void Answer(JsonElement line, Utf8JsonWriter answer);

    /// <summary>Answers a person: <paramref name="arguments"/> are the words after the options.</summary>
    void Show(IReadOnlyList<string> arguments, TextWriter output);
}
