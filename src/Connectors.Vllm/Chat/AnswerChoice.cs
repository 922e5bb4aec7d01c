using System.Diagnostics.CodeAnalysis;
using System.Text;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.Tokenizers;
using Grpc.Core;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// One choice of an answer: its decoder, its parser, and the updates that are ready. A token costs one decoded string, one event and one update.
/// </summary>
internal sealed class AnswerChoice
{
    private readonly PreparedChat _chat;
    private readonly VllmModelProfile _profile;
    private readonly DateTimeOffset _createdAt;
    private readonly string _messageId;
    private readonly TokenStreamDecoder _decoder;
    private readonly OutputParser _parser;
    private readonly List<OutputEvent> _events = new();
    private readonly Queue<ChatResponseUpdate> _ready = new(4);
    private readonly StringBuilder? _text;
    private bool _stopsReachServer;
    private readonly LogprobCollector? _logprobs;
    private readonly List<int>? _ids;
    private List<AIContent>? _calls;
    private StringBuilder? _arguments;
    private GenerationFinish? _finish;
    private GenerationUpdate? _last;

    public AnswerChoice(PreparedChat chat, VllmModelProfile profile, DateTimeOffset createdAt, string messageId)
    {
        _chat = chat;
        _profile = profile;
        _createdAt = createdAt;
        _messageId = messageId;
        ModelId = chat.ModelId;
        _decoder = profile.Tokenizer.CreateStreamDecoder(skipSpecialTokens: false, Tail(chat.Request.PromptIds.Span));
        _parser = OutputParser.Create(chat.Format, chat.ParserOptions);
        _text = chat.Check is null ? null : new StringBuilder();
        _stopsReachServer = chat.Request.StopStrings.Count > 0;
        _logprobs = chat.Request is { Logprobs: null, PromptLogprobs: null, LogprobTokenIds: null } ? null : new LogprobCollector(profile.Tokenizer);
        _ids = chat.ReturnTokenIds ? [] : null;
    }

    /// <summary>The model id of the updates.</summary>
    public string ModelId { get; set; }

    public int TokenCount { get; private set; }

    /// <summary>The ids that were read, if requested; otherwise empty.</summary>
    public IReadOnlyList<int> TokenIds => _ids ?? [];

    public int ReasoningTokenCount { get; private set; }

    /// <summary>Whether the server has finished this choice, or the client has ended it.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Whether the client has ended the choice while the server would continue.</summary>
    public bool EndedEarly { get; private set; }

    /// <summary>Whether its last update has been added.</summary>
    public bool IsClosed { get; private set; }

    public ChatFinishReason? FinishReason { get; private set; }

    /// <summary>The number of calls that the model wrote although the request allows none.</summary>
    public int CallsAsText => _parser.CallsAsText;

    public void Read(GenerationUpdate update)
    {
        _last = update;
        _stopsReachServer &= !update.StopStringsOmitted;
        var ids = update.TokenIds.Span;
        var read = 0;
        while (read < ids.Length && !EndedByClient)
        {
            var id = ids[read++];
            var thinking = _parser.IsReasoning;
            var piece = _decoder.Push(id);
            if (IsHiddenStop(id))
            {
                continue;
            }

            _parser.Push(piece, id, _events);
            if (thinking && _parser.IsReasoning)
            {
                ReasoningTokenCount++;
            }
        }

        // Tokens that the server had already sent beyond the end do not count: the result must not depend on how tokens are divided into messages.
        TokenCount += read;
        _ids?.AddRange(ids[..read]);
        _logprobs?.Add(update, read);
        if (EndedByClient)
        {
            // The server does not know about it, so the call is abandoned, unless this message ends the answer anyway.
            EndedEarly = update.Finish is null;
            Finish(null);
        }
        else if (update.Finish is not null)
        {
            Finish(update.Finish);
        }

        Drain();
    }

    /// <summary>Whether the client has ended the answer, at a stop string in the visible text or after the one allowed call.</summary>
    private bool EndedByClient => _parser.IsFinished && !(_parser.MatchedStopString is not null && _stopsReachServer);

    public bool TryTake([NotNullWhen(true)] out ChatResponseUpdate? update) => _ready.TryDequeue(out update);

    /// <summary>Adds the last update: complete tool calls, finish reason, log probabilities and, on the last choice, the usage.</summary>
    public void Close(UsageDetails? usage)
    {
        if (IsClosed)
        {
            return;
        }

        IsClosed = true;
        var contents = new List<AIContent>((_calls?.Count ?? 0) + 1);
        contents.AddRange(_calls ?? []);
        if (usage is not null)
        {
            contents.Add(new UsageContent(usage));
        }

        var update = NewUpdate(contents);
        update.FinishReason = FinishReason;
        update.AdditionalProperties =
            FinalProperties.Of(_finish, _parser.MatchedStopString, _logprobs, _ids, _ids is null ? default : _chat.Request.PromptIds);
        _ready.Enqueue(update);
    }

    /// <summary>Why JSON that reached its token limit is incomplete; null if it is complete or no JSON was requested.</summary>
    public string? TruncationReason =>
        _text is not null && _calls is null && FinishReason == ChatFinishReason.Length ? _chat.Check!.TruncationReason(_text) : null;

    /// <summary>Ends the choice if its text satisfies the constraint; false if it does not, or has already ended.</summary>
    public bool TryEndAsComplete()
    {
        if (IsDone || _text is not { Length: > 0 } || _calls is not null || !_chat.Check!.IsSatisfied(_text))
        {
            return false;
        }

        Finish(null);
        Drain();
        return true;
    }

    /// <exception cref="VllmConstraintException">The answer does not satisfy the constraint.</exception>
    public void ThrowIfInvalid()
    {
        if (_text is null || _calls is not null || FinishReason != ChatFinishReason.Stop || _parser.MatchedStopString is not null)
        {
            return;
        }

        if (_chat.Check!.Problem(_text) is { } problem)
        {
            throw new VllmConstraintException(
                $"The answer does not follow the request's constraint ({_chat.Check.Constraint}): {problem}. The server may not have been able to "
                + "use the constraint, or it waits for an end of the reasoning that never comes (a server with a reasoning parser; see "
                + "VllmConnectionOptions.ConstraintStart).")
            {
                Constraint = _chat.Check.Constraint,
                RequestId = _chat.RequestId,
                StatusCode = StatusCode.Internal,
            };
        }
    }

    /// <summary>
    /// Whether an id is a stop token whose text is not part of the answer. Special tokens are passed to the parser, which may need them.
    /// </summary>
    private bool IsHiddenStop(int id) =>
        (_profile.StopTokens.Contains(id) && _chat.Request.Sampling.IgnoreEos != true && !_profile.SpecialTokens.ContainsKey(id))
        || (_chat.Request.StopTokenIds.Count > 0 && _chat.Request.StopTokenIds.Contains(id) && !_profile.SpecialTokens.ContainsKey(id));

    private void Finish(GenerationFinish? finish)
    {
        IsDone = true;
        _finish = finish;
        var rest = _decoder.Flush();
        if (rest.Length > 0)
        {
            _parser.Push(rest, -1, _events);
        }

        _parser.Finish(finish?.RawReason ?? "stop", _events);
        FinishReason = (finish?.Reason ?? GenerationFinishReason.Stop) switch
        {
            GenerationFinishReason.Stop => _parser.CallCount > 0 ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop,
            GenerationFinishReason.Length => ChatFinishReason.Length,
            GenerationFinishReason.Abort => new ChatFinishReason("abort"),
            GenerationFinishReason.Repetition => new ChatFinishReason("repetition"),
            _ => string.IsNullOrWhiteSpace(finish!.RawReason) ? null : new ChatFinishReason(finish.RawReason),
        };
    }

    /// <summary>Converts events to updates; consecutive pieces of the same kind become one update.</summary>
    private void Drain()
    {
        for (var i = 0; i < _events.Count; i++)
        {
            var current = _events[i];
            switch (current.Kind)
            {
                case OutputEventKind.Text or OutputEventKind.Reasoning:
                    var first = i;
                    while (i + 1 < _events.Count && _events[i + 1].Kind == current.Kind)
                    {
                        i++;
                    }

                    Add(current.Kind, i == first ? current.Text : Join(first, i));
                    break;
                case OutputEventKind.ToolCallStart:
                    (_arguments ??= new StringBuilder()).Clear();
                    break;
                case OutputEventKind.ToolCallArguments:
                    _arguments!.Append(current.Text);
                    break;
                case OutputEventKind.ToolCallEnd:
                    var call = ToolCallContents.From(current, _arguments!.ToString());
                    call.RawRepresentation = _last;
                    (_calls ??= []).Add(call);
                    break;
                default:
                    break;
            }
        }

        _events.Clear();
    }

    private string Join(int first, int last)
    {
        var length = 0;
        for (var i = first; i <= last; i++)
        {
            length += _events[i].Text.Length;
        }

        return string.Create(length, (Events: _events, First: first), static (text, pieces) =>
        {
            for (var i = pieces.First; !text.IsEmpty; i++)
            {
                var piece = pieces.Events[i].Text;
                piece.CopyTo(text);
                text = text[piece.Length..];
            }
        });
    }

    private void Add(OutputEventKind kind, string piece)
    {
        if (piece.Length == 0)
        {
            return;
        }

        if (kind == OutputEventKind.Text)
        {
            _text?.Append(piece);
            _ready.Enqueue(NewUpdate(new List<AIContent>(1) { new TextContent(piece) }));
        }
        else if (!_chat.DropReasoning)
        {
            _ready.Enqueue(NewUpdate(new List<AIContent>(1) { new TextReasoningContent(piece) }));
        }
    }

    private ChatResponseUpdate NewUpdate(List<AIContent> contents) => new(ChatRole.Assistant, contents)
    {
        ResponseId = _chat.RequestId,
        MessageId = _messageId,
        ModelId = ModelId,
        CreatedAt = _createdAt,
        RawRepresentation = _last,
    };

    private static ReadOnlySpan<int> Tail(ReadOnlySpan<int> prompt) => prompt.Length <= 8 ? prompt : prompt[^8..];
}
