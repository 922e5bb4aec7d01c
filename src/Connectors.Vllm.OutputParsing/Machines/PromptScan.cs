namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>Finds out from the end of a rendered prompt whether the output begins inside reasoning.</summary>
internal static class PromptScan
{
    private const int Reach = 64 * 1024;

    // Markers of other turns: the text before the last of them is irrelevant to this output.
    private static readonly string[] TurnMarkers =
    [
        "<|im_end|>", "<|im_user|>", "<|im_start|>user", "<|eot_id|>", "<|eom_id|>", "<|user|>", "<|observation|>", "<|system|>", "<｜User｜>",
        "<｜end▁of▁sentence｜>", "[INST]", "[/INST]", "<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|>", "<end_of_turn>", "<start_of_turn>",
        "<turn|>", "<|turn>",
        "[e~[", "]~b]user", "]~b]tool", "<|end_of_msg|>", "<|end_of_role|>", "<|endoftext|>", "<|eot|>", "<|eom|>", "<seed:eos>", "<|plamo:tag|>",
    ];

    /// <summary>
    /// Null when the tail holds no marker of this turn; else whether the reasoning is open, and whether a newline follows its marker already.
    /// </summary>
    public static bool? IsOpen(string? tail, ReasoningSyntax syntax, out bool newlineWritten)
    {
        newlineWritten = false;
        if (string.IsNullOrEmpty(tail) || syntax.Closes.Count == 0)
        {
            return null;
        }

        var text = tail.AsSpan(Math.Max(0, tail.Length - Reach));
        var (open, openEnd) = Last(text, syntax.Opens, trimmed: true);
        var (close, _) = Last(text, syntax.Closes, trimmed: true);
        if (open < 0 && close < 0)
        {
            return null;
        }

        var last = Math.Max(open, close);
        var (turn, _) = Last(text[last..], TurnMarkers, trimmed: false);
        if (turn > 0)
        {
            return null;
        }

        newlineWritten = open > close && openEnd < text.Length;
        return open > close;
    }

    private static (int Start, int End) Last(ReadOnlySpan<char> text, IReadOnlyList<string> markers, bool trimmed)
    {
        var (start, end) = (-1, -1);
        foreach (var marker in markers)
        {
            // A template may end its prompt before the newline that the format's marker ends with.
            var sought = trimmed ? marker.AsSpan().TrimEnd('\n') : marker;
            var at = text.LastIndexOf(sought, StringComparison.Ordinal);
            if (at > start)
            {
                (start, end) = (at, at + sought.Length);
            }
        }

        return (start, end);
    }
}
