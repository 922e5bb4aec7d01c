using Connectors.Vllm.ChatTemplates.Functions;
using Connectors.Vllm.ChatTemplates.Input;
using Connectors.Vllm.ChatTemplates.Scopes;
using Connectors.Vllm.ChatTemplates.Statements;
using Connectors.Vllm.ChatTemplates.Syntax;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// A Hugging Face chat template (Jinja), rendered as transformers renders it: an immutable sandbox with trim_blocks, lstrip_blocks, loop controls,
/// the generation tag, raise_exception and strftime_now. Parse it once and render from any number of threads. Rules:
/// https://jinja.palletsprojects.com/en/stable/templates/ and https://huggingface.co/docs/transformers/chat_templating.
/// </summary>
public sealed class ChatTemplate : ChatPromptRenderer
{
    private readonly ChatTemplateOptions _options;
    private readonly SourceText _text;
    private readonly Stmt[] _body;
    private readonly ScopeEntry _scope;
    private readonly int _slotCount;
    private readonly Value _self;

    private ChatTemplate(string source, SourceText text, Stmt[] body, IReadOnlyDictionary<string, BlockStmt> blocks, ChatTemplateOptions options)
    {
        _self = Value.Of(new TemplateReference(blocks));
        Source = source;
        _text = text;
        _body = body;
        _options = options;
        var scope = new Scope(new Symbols(null), new FunctionScope(null)) { IsTopLevel = true };
        foreach (var statement in body)
        {
            statement.Declare(scope.Symbols);
        }

        _scope = scope.Enter();
        Body.Bind(body, scope);
        _slotCount = scope.Function.SlotCount;
        ContentFormat = ContentFormatDetection.Detect(body);
    }

    /// <summary>The template's source text.</summary>
    public string Source { get; }

    /// <summary>The form of message content that the template expects, detected from its source as vLLM does.</summary>
    public ChatContentFormat ContentFormat { get; }

    /// <summary>Parses a template.</summary>
    /// <param name="source">The template's source text; as in Jinja, a trailing newline is removed.</param>
    /// <param name="options">The limits and the name; <see langword="null"/> uses the defaults.</param>
    /// <returns>The template, immutable and thread-safe.</returns>
    /// <exception cref="ChatTemplateException">The source is not a valid template, or is larger or more deeply nested than allowed.</exception>
    public static ChatTemplate Parse(string source, ChatTemplateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        options ??= new ChatTemplateOptions();
        if (source.Length > options.MaxSourceLength)
        {
            throw new ChatTemplateException($"The chat template has {source.Length} characters; the limit is {options.MaxSourceLength}.");
        }

        var text = new SourceText(source, options.Name);
        try
        {
            var (body, blocks) = Parser.Parse(text.Text);
            return new ChatTemplate(source, text, body, blocks, options);
        }
        catch (TemplateSyntaxException exception)
        {
            throw text.Error(exception.Message, exception.Position, exception);
        }
        catch (InsufficientExecutionStackException exception)
        {
            throw text.Error("the template is nested too deeply for the thread's stack", 0, exception);
        }
    }

    /// <inheritdoc/>
    public override RenderedPrompt Render(ChatTemplateInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var position = 0;
        try
        {
            var variables = TemplateVariables.Of(input);
            var continued = ContinuedMessage.FieldOf(input.ContinueFinalMessage) is { } field ? ContinuedMessage.Prepare(input, Source, field) : null;
            if (continued is not null)
            {
                variables["messages"] = continued.Messages;
            }

            variables.TryAdd("self", _self);
            using var context = new RenderContext(_options, variables, Globals.Table, input.TimeProvider ?? TimeProvider.System);
            try
            {
                var frame = new Frame(context, _slotCount, null);
                _scope.Enter(frame);
                Body.Execute(_body, frame);
                var prompt = context.Output.ToPrompt();
                return continued is null ? prompt : continued.Cut(prompt);
            }
            catch
            {
                position = context.Position;
                throw;
            }
        }
        catch (PyException exception)
        {
            throw _text.Error(exception.Message, position, exception);
        }
        catch (InsufficientExecutionStackException exception)
        {
            throw _text.Error("the template or a value is nested too deeply", position, exception);
        }
        catch (OutOfMemoryException exception)
        {
            throw _text.Error("the template requires more memory than is available", position, exception);
        }
    }
}
