using System.Buffers;
using System.Collections;
using System.Text;
using System.Text.RegularExpressions;
using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm;

/// <summary>
/// Checks whether the prompt contains everything in the conversation: each text, call name, argument and tool result, found by a run of characters
/// that no template escapes, in the content ranges of the prompt. Takes about one pass over the prompt. Reasoning is not checked, because templates
/// omit old reasoning.
/// </summary>
internal sealed partial class PromptLoss
{
    private const int MaxSearched = 4096;
    private const int MaxStretch = 64;
    private const int MaxHits = 256;
    private const int MaxArguments = 256;
    private static readonly SearchValues<char> EndsOfSigns = SearchValues.Create(" \t\r\n\"'\\<>&{}");

    private readonly RenderedPrompt _prompt;
    private int _from;
    private int _end;

    private PromptLoss(RenderedPrompt prompt) => _prompt = prompt;

    /// <param name="messages">The messages that were rendered.</param>
    /// <param name="prompt">Their prompt.</param>
    /// <returns>A description of the missing part, its position, and what to do about it; null if nothing is missing.</returns>
    public static string? Find(IReadOnlyList<Dictionary<string, object?>> messages, RenderedPrompt prompt)
    {
        var loss = new PromptLoss(prompt);
        for (var i = 0; i < messages.Count; i++)
        {
            var role = messages[i]["role"] as string;

            // Results may be printed in the order of their calls and before the text beside them, so they are searched from the calls on.
            if (role != "tool")
            {
                loss._from = loss._end;
            }

            if (loss.MissingOf(messages[i], role) is { } missing)
            {
                return $"The chat template omits {missing} of message {i + 1} of {messages.Count} (role '{role}'), so the model would not see it. "
                    + "Remove it from the conversation, set another template (VllmGrpcOptions.ChatTemplate, or ChatTemplate of the request), "
                    + "or allow it (VllmGrpcOptions.AllowIncompletePrompts).";
            }
        }

        return null;
    }

    private string? MissingOf(Dictionary<string, object?> message, string? role)
    {
        foreach (var text in Texts(message["content"]))
        {
            // Some templates print texts in another order, especially system text, so these are searched in the whole prompt. Names are not, because
            // they also occur in the tools.
            var said = role == "assistant" ? BehindMarkup(text) : text;
            // Results without words are often JSON, which templates print with different white space.
            var signs = role != "tool";
            var isPrinted = role is not ("system" or "developer") && IsPrinted(said, signs: signs);
            if (!isPrinted && !IsPrinted(said, anywhere: true, signs))
            {
                return role == "tool" ? $"the result of the call '{message.GetValueOrDefault("tool_call_id")}'" : "the text";
            }
        }

        foreach (var call in message.GetValueOrDefault("tool_calls") as List<object?> ?? [])
        {
            var function = (Dictionary<string, object?>)((Dictionary<string, object?>)call!)["function"]!;
            var name = function["name"] as string ?? string.Empty;
            if (!IsPrinted(name))
            {
                return $"the call to '{name}'";
            }

            if (Words(function["arguments"]).Take(MaxArguments).FirstOrDefault(word => !IsPrinted(word)) is not null)
            {
                return $"arguments of the call to '{name}'";
            }
        }

        return null;
    }

    private bool IsPrinted(string text, bool anywhere = false, bool signs = false)
    {
        var stretch = StretchOf(text);
        stretch = stretch.Length == 0 && signs ? SignsOf(text) : stretch;
        if (stretch.Length == 0)
        {
            return true;
        }

        var at = Find(stretch, anywhere ? 0 : _from);
        if (at < 0 && !Ascii.IsValid(stretch))
        {
            // JSON text may be printed in ASCII.
            stretch = string.Concat(stretch.Select(static unit => char.IsAscii(unit) ? unit.ToString() : $"\\u{(int)unit:x4}"));
            at = Find(stretch, anywhere ? 0 : _from);
        }

        if (at >= 0 && !anywhere)
        {
            _end = Math.Max(_end, at + stretch.Length);
        }

        return at >= 0;
    }

    /// <summary>Finds a run of characters within content, or -1.</summary>
    private int Find(string stretch, int from)
    {
        for (var hits = 0; hits < MaxHits; hits++)
        {
            var at = _prompt.Text.IndexOf(stretch, from, StringComparison.Ordinal);
            if (at < 0 || IsContent(at))
            {
                return at;
            }

            from = at + 1;
        }

        // It occurs so often outside content that a further search would be too expensive.
        return from;
    }

    private bool IsContent(int offset)
    {
        var (low, high) = (0, _prompt.Content.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var range = _prompt.Content[middle];
            if (offset < range.Start.Value)
            {
                high = middle - 1;
            }
            else if (offset >= range.End.Value)
            {
                low = middle + 1;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<string> Texts(object? content) => content switch
    {
        string text => [text],
        IEnumerable parts =>
            parts.OfType<Dictionary<string, object?>>().Select(static part => part.GetValueOrDefault("text") as string).OfType<string>(),
        _ => [],
    };

    /// <summary>Gets the strings in arguments; names only if they have a value.</summary>
    private static IEnumerable<string> Words(object? arguments) => arguments switch
    {
        string text => [text],
        Dictionary<string, object?> members =>
            members.Where(static member => member.Value is not null).SelectMany(static member => Words(member.Value).Prepend(member.Key)),
        IEnumerable items => items.Cast<object?>().SelectMany(Words),
        _ => [],
    };

    /// <summary>Gets the text of an assistant after its last tag, because templates remove reasoning from the text.</summary>
    private static string BehindMarkup(string text)
    {
        var end = 0;
        foreach (var tag in Tags().EnumerateMatches(text))
        {
            end = tag.Index + tag.Length;
        }

        return end == 0 ? text : text[end..];
    }

    /// <summary>Gets the longest run of letters, digits and spaces, preferably ASCII, which no template changes.</summary>
    private static string StretchOf(string text)
    {
        var (best, bestLength) = (0, 0);
        var (plain, start) = (true, 0);
        var length = Math.Min(text.Length, MaxSearched);
        for (; ; plain = false)
        {
            start = 0;
            for (var i = 0; i <= length && bestLength < MaxStretch; i++)
            {
                if (i < length
                    && (plain
                        ? char.IsAsciiLetterOrDigit(text[i]) || (text[i] == ' ' && i > start)
                        : char.IsLetter(text[i]) && !char.IsAscii(text[i])))
                {
                    continue;
                }

                if (i - start > bestLength)
                {
                    (best, bestLength) = (start, i - start);
                }

                start = i + 1;
            }

            if (bestLength > 0 || !plain)
            {
                return text.Substring(best, Math.Min(bestLength, MaxStretch)).TrimEnd();
            }
        }
    }

    /// <summary>
    /// Gets the beginning of a text without letters and digits, such as an emoji, up to the first character that some templates escape.
    /// </summary>
    private static string SignsOf(string text)
    {
        var signs = text.AsSpan().Trim();
        var end = signs.IndexOfAny(EndsOfSigns);
        return signs[..Math.Min(end < 0 ? signs.Length : end, MaxStretch)].ToString();
    }

    [GeneratedRegex(@"</[^>\s]{1,40}>|\|>|\[/?[A-Z][A-Z _]{2,40}\]", RegexOptions.CultureInvariant)]
    private static partial Regex Tags();
}
