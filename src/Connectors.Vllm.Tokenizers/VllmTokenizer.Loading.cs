using System.Text.Json;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers.Adapters;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Loading;
using Connectors.Vllm.Tokenizers.Pipeline;

namespace Connectors.Vllm.Tokenizers;

public sealed partial class VllmTokenizer
{
    /// <summary>
    /// Loads one file: a tokenizer.json, a tekken.json, a tiktoken file (<c>*.tiktoken</c>, <c>tiktoken.model</c>), or a SentencePiece model
    /// (<c>*.model</c>).
    /// </summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="options">The limits; <see langword="null"/> uses the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">The file is missing, malformed, or uses an unsupported feature.</exception>
    public static VllmTokenizer FromFile(string path, TokenizerOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var name = Path.GetFileName(path);
        var budget = Budget(options);
        return new VllmTokenizer(Load(new Dictionary<string, ReadOnlyMemory<byte>> { [name] = ReadFile(path, budget) }, name, budget), options);
    }

    /// <summary>
    /// Loads the tokenizer of a model folder, in vLLM's order of preference: tekken.json, tokenizer.json, tiktoken file, SentencePiece model. The
    /// added tokens of tokenizer_config.json (<c>added_tokens_decoder</c>) are merged in.
    /// </summary>
    /// <param name="directory">The folder.</param>
    /// <param name="options">The limits; <see langword="null"/> uses the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">There is no tokenizer file, or one is malformed or uses an unsupported feature.</exception>
    public static VllmTokenizer FromDirectory(string directory, TokenizerOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        if (!Directory.Exists(directory))
        {
            throw new TokenizerException($"the folder '{directory}' does not exist; pass the folder that contains the model's tokenizer files");
        }

        var paths = ModelFolder.Files(directory);
        var chosen = Choose(paths.Keys, directory);
        var budget = Budget(options);
        var files = paths.Where(file => file.Key == chosen || file.Key is ModelFolder.TokenizerConfig or ModelFolder.Config)
            .ToDictionary(static file => file.Key, file => new ReadOnlyMemory<byte>(ReadFile(file.Value, budget)), StringComparer.Ordinal);
        return new VllmTokenizer(Load(files, chosen, budget), options);
    }

    /// <summary>Loads the tokenizer of a model from files in memory, like <see cref="FromDirectory"/>.</summary>
    /// <param name="files">The contents of the files by name without a path, for example <c>tokenizer.json</c>. Other files are ignored.</param>
    /// <param name="options">The limits; <see langword="null"/> uses the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">There is no tokenizer file, or one is malformed or uses an unsupported feature.</exception>
    public static VllmTokenizer FromFiles(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, TokenizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        var chosen = Choose(files.Keys, "the given files");
        var budget = Budget(options);
        budget.Reserve(files[chosen].Length, chosen);
        return new VllmTokenizer(Load(files, chosen, budget), options);
    }

    /// <summary>Loads a tokenizer.json from memory.</summary>
    /// <param name="tokenizerJson">The file's bytes (UTF-8).</param>
    /// <param name="tokenizerConfigJson">The bytes of tokenizer_config.json, whose <c>added_tokens_decoder</c> is merged; may be empty.</param>
    /// <param name="options">The limits; <see langword="null"/> uses the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">The file is malformed or uses an unsupported feature.</exception>
    public static VllmTokenizer FromJson(
        ReadOnlyMemory<byte> tokenizerJson, ReadOnlyMemory<byte> tokenizerConfigJson = default, TokenizerOptions? options = null) =>
        new(
            Load(
                new Dictionary<string, ReadOnlyMemory<byte>>
                {
                    [ModelFolder.TokenizerJson] = tokenizerJson, [ModelFolder.TokenizerConfig] = tokenizerConfigJson,
                },
                ModelFolder.TokenizerJson,
                Budget(options)),
            options);

    /// <summary>
    /// Wraps any tokenizer of Microsoft.ML.Tokenizers, for a model whose files cannot be read. Added tokens are matched in the text before that
    /// tokenizer sees it, so that prompts have control tokens and message content has none: text that it would turn into a control token within
    /// ordinary text is encoded in parts. A <see cref="VllmTokenizer"/> is returned unchanged.
    /// </summary>
    /// <param name="tokenizer">The tokenizer; it must be thread-safe. It is passed the text between added tokens, and must not add beginning-
    /// or end-of-sequence tokens.</param>
    /// <param name="addedTokens">The model's added tokens, in addition to the special tokens that the tokenizer itself lists;
    /// <see langword="null"/> for none.</param>
    /// <param name="options">The limits; <see langword="null"/> uses the defaults.</param>
    /// <returns>The tokenizer.</returns>
    public static VllmTokenizer From(
        Microsoft.ML.Tokenizers.Tokenizer tokenizer, IEnumerable<AddedToken>? addedTokens = null, TokenizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return tokenizer as VllmTokenizer ?? new VllmTokenizer(MicrosoftTokenizerAdapter.Define(tokenizer, addedTokens ?? []), options);
    }

    /// <summary>Reads the added tokens of a tokenizer_config.json (<c>added_tokens_decoder</c>), for <see cref="From"/>.</summary>
    /// <param name="tokenizerConfigJson">The file's bytes; may be empty.</param>
    /// <returns>The tokens, in the order of their ids.</returns>
    /// <exception cref="TokenizerException">The file is malformed.</exception>
    public static IReadOnlyList<AddedToken> ReadAddedTokens(ReadOnlyMemory<byte> tokenizerConfigJson) => Guard(ModelFolder.TokenizerConfig, () =>
    {
        var tokens = new List<AddedToken>();
        AddedTokenReader.MergeConfig(tokens, tokenizerConfigJson, ModelFolder.TokenizerConfig, Budget(null));
        return tokens;
    });

    private static LoadBudget Budget(TokenizerOptions? options)
    {
        options ??= new TokenizerOptions();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxLoadBytes, nameof(options));
        return new LoadBudget(options.MaxLoadBytes);
    }

    private static TokenizerDefinition Load(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, string chosen, LoadBudget budget)
    {
        var config = files.GetValueOrDefault(ModelFolder.TokenizerConfig);
        var file = files[chosen];
        return Guard(chosen, () => ModelFolder.FormatOf(chosen) switch
        {
            TokenizerFormat.Tekken => TekkenLoader.Load(file, chosen, budget),
            TokenizerFormat.SentencePiece when SentencePieceLoader.Recognizes(file.Span) => SentencePieceLoader.Load(file, chosen, config, budget),

            // Rank files are found under names of SentencePiece models, too.
            TokenizerFormat.Tiktoken or TokenizerFormat.SentencePiece =>
                TiktokenLoader.Load(file, chosen, config, files.GetValueOrDefault(ModelFolder.Config), budget),
            _ => TokenizerJsonLoader.Load(file, chosen, config, budget),
        });
    }

    /// <summary>Files come from anywhere: whatever a reader throws at bad bytes becomes the one exception that is documented.</summary>
    private static T Guard<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or ArithmeticException
            or ArgumentException or IndexOutOfRangeException or InvalidDataException or KeyNotFoundException)
        {
            throw new TokenizerException($"the file is corrupt; download it again ({exception.Message})", file, null, exception);
        }
    }

    private static string Choose(IEnumerable<string> names, string place) => ModelFolder.TokenizerOf(names) ?? throw new TokenizerException(
        $"there is no tokenizer.json, tekken.json, tiktoken file or SentencePiece model in {place}; "
        + "pass the folder that contains the model's tokenizer files");

    private static byte[] ReadFile(string path, LoadBudget budget)
    {
        try
        {
            return SizedFile.Read(path, size => budget.Reserve(size, path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException($"the file cannot be read: {exception.Message}", path, null, exception);
        }
    }
}
