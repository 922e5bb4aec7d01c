using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing.Model;

/// <summary>Collects the ids of a reply. Words that came from the prompt are encoded as plain text, so they can never become control tokens.</summary>
internal sealed class ReplyWriter(VllmTokenizer tokenizer)
{
    private readonly List<int> _ids = [];

    public ReplyWriter Say(string text)
    {
        _ids.AddRange(tokenizer.Encode(text));
        return this;
    }

    public ReplyWriter Quote(string text)
    {
        _ids.AddRange(tokenizer.EncodeOrdinary(text));
        return this;
    }

    /// <summary>The text of one token, with special tokens as they are spelled.</summary>
    public string TextOf(int id) => tokenizer.Decode([id]);

    public ScriptedReply ToReply() => new() { Ids = [.. _ids] };
}
