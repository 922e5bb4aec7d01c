namespace Connectors.Vllm.ChatTemplates.Tests.Renderers;

/// <summary>
/// Cuts a prompt into control tokens and text the way a tokenizer must: a token's text inside content is text, and text ends at a boundary.
/// </summary>
internal static class PromptSegments
{
    public static List<(bool IsToken, string Text)> Split(RenderedPrompt prompt, IReadOnlyList<string> tokens)
    {
        var segments = new List<(bool, string)>();
        var isContent = new bool[prompt.Text.Length];
        foreach (var range in prompt.Content)
        {
            isContent.AsSpan(range).Fill(true);
        }

        var boundaries = prompt.Boundaries.ToHashSet();
        var start = 0;
        for (var i = 0; i < prompt.Text.Length;)
        {
            if (boundaries.Contains(i))
            {
                segments.Add((false, prompt.Text[start..i]));
                start = i;
            }

            var token = isContent[i]
                ? null
                : tokens.FirstOrDefault(
                    token => string.CompareOrdinal(prompt.Text, i, token, 0, token.Length) == 0 && !isContent.AsSpan(i, token.Length).Contains(true));
            if (token is null)
            {
                i++;
                continue;
            }

            if (i > start)
            {
                segments.Add((false, prompt.Text[start..i]));
            }

            segments.Add((true, token));
            start = i += token.Length;
        }

        if (start < prompt.Text.Length)
        {
            segments.Add((false, prompt.Text[start..]));
        }

        return segments;
    }
}
