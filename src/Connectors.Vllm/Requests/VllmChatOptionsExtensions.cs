using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Names = Connectors.Vllm.VllmOptionNames;

namespace Connectors.Vllm;

/// <summary>
/// What vLLM offers beyond <see cref="ChatOptions"/>, as typed properties: <c>new ChatOptions { Temperature = 0.7f, MinP = 0.05f }</c>.
/// </summary>
/// <remarks>
/// Every value lives in <see cref="ChatOptions.AdditionalProperties"/> under vLLM's own snake_case name and in a JSON-friendly form, so it
/// survives cloning, caching and serialization, and other providers ignore it. Setting <see langword="null"/> removes the key.
/// Setters check ranges and throw <see cref="ArgumentOutOfRangeException"/>. Not safe for concurrent writes, as <see cref="ChatOptions"/> itself.
/// </remarks>
public static class VllmChatOptionsExtensions
{
    extension(ChatOptions options)
    {
        /// <summary>Keeps only tokens at least this likely relative to the most likely one. From 0 (off) to 1. <c>min_p</c></summary>
        public float? MinP
        {
            get => (float?)Read(options).Number(Names.MinP, 0, 1);
            set => Write(options, Names.MinP, InRange(value, 0, 1, "MinP"));
        }

        /// <summary>Greater than 1 discourages tokens that already occurred in prompt or answer; 1 is off. Above 0. <c>repetition_penalty</c></summary>
        public float? RepetitionPenalty
        {
            get => (float?)Read(options).Number(Names.RepetitionPenalty, float.Epsilon);
            set => Write(options, Names.RepetitionPenalty, InRange(value, float.Epsilon, float.MaxValue, "RepetitionPenalty"));
        }

        /// <summary>No end of sequence and no stop before this many tokens. 0 or more, not above <see cref="ChatOptions.MaxOutputTokens"/>. <c>min_tokens</c></summary>
        public int? MinTokens
        {
            get => Read(options).Int32(Names.MinTokens, 0);
            set => Write(options, Names.MinTokens, InRange(value, 0, int.MaxValue, "MinTokens"));
        }

        /// <summary>Goes on generating after the end of sequence, until the token limit. For benchmarks. <c>ignore_eos</c></summary>
        public bool? IgnoreEos
        {
            get => Read(options).Boolean(Names.IgnoreEos);
            set => Write(options, Names.IgnoreEos, value);
        }

        /// <summary>Token ids that end the answer, in addition to the model's own. <c>stop_token_ids</c></summary>
        public IReadOnlyList<int>? StopTokenIds
        {
            get => Read(options).TokenIds(Names.StopTokenIds);
            set => WriteIds(options, Names.StopTokenIds, value);
        }

        /// <summary>
        /// Asks for log probabilities of the generated tokens: 0 for the chosen tokens only, n for n alternatives each (the server's default
        /// limit is 20). They arrive on the final update, see <see cref="VllmChatResponseExtensions"/>. <c>logprobs</c>
        /// </summary>
        public int? LogProbs
        {
            get => VllmExtras.ReadLogProbs(Read(options));
            set => Write(options, Names.LogProbs, InRange(value, 0, int.MaxValue, "LogProbs"));
        }

        /// <summary>The same for the tokens of the prompt. Turns off reading from the server's prefix cache for this request. <c>prompt_logprobs</c></summary>
        public int? PromptLogProbs
        {
            get => Read(options).Int32(Names.PromptLogProbs, 0);
            set => Write(options, Names.PromptLogProbs, InRange(value, 0, int.MaxValue, "PromptLogProbs"));
        }

        /// <summary>Added to the logits of the given token ids before sampling. <c>logit_bias</c></summary>
        public IReadOnlyDictionary<int, float>? LogitBias
        {
            get => Read(options).TokenWeights(Names.LogitBias);
            set => Write(options, Names.LogitBias, value is null ? null : PlainJson.ToElement(writer =>
            {
                writer.WriteStartObject();
                foreach ((var id, var weight) in value)
                {
                    ArgumentOutOfRangeException.ThrowIfNegative(id, "LogitBias");
                    writer.WriteNumber(id.ToString(CultureInfo.InvariantCulture), weight);
                }

                writer.WriteEndObject();
            }));
        }

        /// <summary>The only token ids that may be generated. Not every protocol family can carry it. <c>allowed_token_ids</c></summary>
        public IReadOnlyList<int>? AllowedTokenIds
        {
            get => Read(options).TokenIds(Names.AllowedTokenIds);
            set => WriteIds(options, Names.AllowedTokenIds, value);
        }

        /// <summary>How many answers to generate for one prompt, 1 or more. Each comes as a message of its own. <c>n</c></summary>
        public int? ChoiceCount
        {
            get => Read(options).Int32(Names.ChoiceCount, 1);
            set => Write(options, Names.ChoiceCount, InRange(value, 1, 1024, "ChoiceCount"));
        }

        /// <summary>A regular expression that the whole answer must match. <c>regex</c></summary>
        public string? OutputRegex
        {
            get => Read(options).Text(Names.Regex);
            set => Write(options, Names.Regex, NotEmpty(value, "OutputRegex"));
        }

        /// <summary>A grammar (EBNF or Lark, as the server's backend reads it) that the whole answer must match. <c>grammar</c></summary>
        public string? OutputGrammar
        {
            get => Read(options).Text(Names.Grammar);
            set => Write(options, Names.Grammar, NotEmpty(value, "OutputGrammar"));
        }

        /// <summary>The answer must be exactly one of these texts. <c>choice</c></summary>
        public IReadOnlyList<string>? OutputChoices
        {
            get => Read(options).TextList(Names.Choice);
            set => Write(options, Names.Choice, value is null ? null : value.Count == 0
                ? throw new ArgumentException("At least one choice is needed.", "OutputChoices")
                : value.ToArray());
        }

        /// <summary>A structural tag (JSON, as xgrammar defines it), passed to the server unchanged. <c>structural_tag</c></summary>
        public string? StructuralTag
        {
            get => Read(options).TextOrJson(Names.StructuralTag);
            set => Write(options, Names.StructuralTag, Json(value, "StructuralTag"));
        }

        /// <summary>A chat template (Jinja source, or the name of one of the model's named templates) to use instead of the model's own. <c>chat_template</c></summary>
        public string? ChatTemplate
        {
            get => Read(options).Text(Names.ChatTemplate);
            set => Write(options, Names.ChatTemplate, value);
        }

        /// <summary>Extra variables for the chat template, such as <c>enable_thinking</c>. Values as JSON knows them. <c>chat_template_kwargs</c></summary>
        public IReadOnlyDictionary<string, object?>? ChatTemplateArguments
        {
            get => Read(options).Members(Names.ChatTemplateArguments);
            set => Write(options, Names.ChatTemplateArguments, value is null ? null : PlainJson.ToElement(writer => PlainJson.WriteValue(writer, PlainValue.From(value))));
        }

        /// <summary>
        /// Continues the last message instead of opening a new assistant turn: the way to prefill the beginning of an answer. <c>continue_final_message</c>
        /// </summary>
        public bool? ContinueFinalMessage
        {
            get => Read(options).Boolean(Names.ContinueFinalMessage);
            set => Write(options, Names.ContinueFinalMessage, value);
        }

        /// <summary>Scheduling priority, lower is earlier; only for servers started with priority scheduling. Not every protocol family can carry it. <c>priority</c></summary>
        public int? Priority
        {
            get => Read(options).Int32(Names.Priority);
            set => Write(options, Names.Priority, value);
        }

        /// <summary>The name of a loaded LoRA adapter. Not every protocol family can carry it. <c>lora_name</c></summary>
        public string? LoraName
        {
            get => Read(options).Text(Names.LoraName);
            set => Write(options, Names.LoraName, NotEmpty(value, "LoraName"));
        }

        /// <summary>Separates this request's prefix cache entries from those of others. Not every protocol family can carry it. <c>cache_salt</c></summary>
        public string? CacheSalt
        {
            get => Read(options).Text(Names.CacheSalt);
            set => Write(options, Names.CacheSalt, NotEmpty(value, "CacheSalt"));
        }

        /// <summary>The data-parallel engine to run on, 0 or more. <c>data_parallel_rank</c></summary>
        public int? DataParallelRank
        {
            get => Read(options).Int32(Names.DataParallelRank, 0);
            set => Write(options, Names.DataParallelRank, InRange(value, 0, int.MaxValue, "DataParallelRank"));
        }

        /// <summary>Keeps only this many tokens of the prompt's end; the cut is made on the client. 1 or more. <c>truncate_prompt_tokens</c></summary>
        public int? TruncatePromptTokens
        {
            get => Read(options).Int32(Names.TruncatePromptTokens, 1);
            set => Write(options, Names.TruncatePromptTokens, InRange(value, 1, int.MaxValue, "TruncatePromptTokens"));
        }

        /// <summary>Parameters for the server's key-value cache connector: a JSON object, passed unchanged. <c>kv_transfer_params</c></summary>
        public string? KvTransferParameters
        {
            get => Read(options).TextOrJson(Names.KvTransferParameters);
            set => Write(options, Names.KvTransferParameters, Json(value, "KvTransferParameters"));
        }

        /// <summary>The request id the server gets (for logs and <c>Abort</c>); a new one is made for each call when unset. Must be unique among running requests. <c>request_id</c></summary>
        public string? RequestId
        {
            get => Read(options).Text(Names.RequestId);
            set => Write(options, Names.RequestId, NotEmpty(value, "RequestId"));
        }

        /// <summary>Adds the prompt's and the answer's token ids to the final update, see <see cref="VllmChatResponseExtensions"/>. <c>return_token_ids</c></summary>
        public bool? ReturnTokenIds
        {
            get => Read(options).Boolean(Names.EchoPromptTokenIds);
            set => Write(options, Names.EchoPromptTokenIds, value);
        }

        /// <summary>
        /// Lets text in messages become control tokens (<c>&lt;|im_end|&gt;</c> and the like), as vLLM's own HTTP server does. Off by default: whoever
        /// writes the text could otherwise rewrite the conversation. <c>allow_control_tokens_in_content</c>
        /// </summary>
        public bool? AllowControlTokensInContent
        {
            get => Read(options).Boolean(Names.AllowControlTokens);
            set => Write(options, Names.AllowControlTokens, value);
        }
    }

    private static PropertyReader Read(ChatOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new PropertyReader(options.AdditionalProperties);
    }

    private static void Write(ChatOptions options, string key, object? value)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (value is not null)
        {
            (options.AdditionalProperties ??= [])[key] = value;
        }
        else
        {
            options.AdditionalProperties?.Remove(key);
        }
    }

    private static void WriteIds(ChatOptions options, string key, IReadOnlyList<int>? ids) =>
        Write(options, key, ids is null ? null : PlainJson.ToElement(writer =>
        {
            writer.WriteStartArray();
            foreach (var id in ids)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(id, key);
                writer.WriteNumberValue(id);
            }

            writer.WriteEndArray();
        }));

    private static float? InRange(float? value, float minimum, float maximum, string name) =>
        value is null || (value >= minimum && value <= maximum)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, string.Create(CultureInfo.InvariantCulture, $"Must be from {minimum} to {maximum}."));

    private static int? InRange(int? value, int minimum, int maximum, string name) =>
        value is null || (value >= minimum && value <= maximum)
            ? value
            : throw new ArgumentOutOfRangeException(name, value, string.Create(CultureInfo.InvariantCulture, $"Must be from {minimum} to {maximum}."));

    private static string? NotEmpty(string? value, string name) =>
        value is { Length: 0 } ? throw new ArgumentException("Must not be empty; use null to leave it unset.", name) : value;

    private static string? Json(string? value, string name)
    {
        if (value is null)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(value);
            return value;
        }
        catch (JsonException error)
        {
            throw new ArgumentException($"Must be JSON: {error.Message}", name, error);
        }
    }
}
