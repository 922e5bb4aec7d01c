using System.Text;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Grpc;

/// <summary>The text of one choice as it comes: decoded here from ids, or taken from the server when there is no tokenizer.</summary>
internal sealed class ChoiceText
{
    private readonly TokenStreamDecoder? _decoder;
    private readonly StopStringCutter _cutter;
    private readonly HashSet<int> _silent;
    private readonly StringBuilder _piece = new();

    public ChoiceText(GenerationRequest request, VllmModelInfo model, VllmTokenizer? tokenizer)
    {
        var sampling = request.Sampling;
        _decoder = tokenizer?.CreateStreamDecoder(sampling.SkipSpecialTokens ?? true, request.PromptIds.Span);
        _cutter = new StopStringCutter(request.StopStrings, sampling.IncludeStopString ?? false);
        _silent = sampling.IncludeStopString == true ? [] : [.. request.StopTokenIds];
        if (sampling.IgnoreEos != true)
        {
            _silent.UnionWith(model.EosTokenIds);
        }
    }

    /// <summary>The stop string that ended the text; null while none did.</summary>
    public string? StopString => _cutter.Found;

    /// <summary>The choice has ended; nothing more is expected.</summary>
    public bool IsFinished { get; private set; }

    public string Push(GenerationUpdate update)
    {
        if (_decoder is null)
        {
            return _cutter.Push(update.Text);
        }

        _piece.Clear();
        foreach (var id in update.TokenIds.Span)
        {
            if (!_silent.Contains(id))
            {
                _piece.Append(_decoder.Push(id));
            }
        }

        return _cutter.Push(_piece.ToString());
    }

    public string Finish()
    {
        IsFinished = true;
        return _cutter.Push(_decoder?.Flush() ?? string.Empty) + _cutter.Flush();
    }
}
