namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// A Python string: its text, which of its units came from message content, and whether it is Markup (safe HTML, which escapes what
/// it is joined with).
/// </summary>
internal readonly struct Str(string text, Mark[]? marks = null, bool isMarkup = false)
{
    private static readonly string[] Ascii = [.. Enumerable.Range(0, 128).Select(unit => ((char)unit).ToString())];

    public string Text { get; } = text;

    public Mark[]? Marks { get; } = marks;

    public bool IsMarkup { get; } = isMarkup;

    public int Length => Text.Length;

    public Str AsMarkup(bool isMarkup = true) => new(Text, Marks, isMarkup);

    /// <summary>The slice of UTF-16 units; keeps marks and Markup.</summary>
    public Str Slice(int start, int length) =>
        start == 0 && length == Text.Length ? this
        : length == 0 ? new("", null, IsMarkup)
        : new(Piece(start, length), ChatTemplates.Marks.Slice(Marks, start, length), IsMarkup);

    /// <summary>This text with every character mapped: the marks stay where they are, or cover all of it when the length has changed.</summary>
    public Str Derive(string text) =>
        new(text, Marks is null || text.Length == 0 ? null : text.Length == Length ? Marks : ChatTemplates.Marks.All, IsMarkup);

    // Some templates walk through texts character by character.
    private string Piece(int start, int length) => length == 1 && char.IsAscii(Text[start]) ? Ascii[Text[start]] : Text.Substring(start, length);

    public static implicit operator Str(string text) => new(text);
}
