using Connectors.Vllm.Testing;
using Google.Protobuf;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>What a server was asked to generate, read the same way from both protocols. Null is "not on the wire".</summary>
internal sealed class SentGeneration
{
    public SentGeneration(CapturedRequest captured)
    {
        Captured = captured;
        if (captured.Message is Engine.GenerateRequest engine)
        {
            Read(engine);
        }
        else
        {
            Read((Inference.GenerateRequest)captured.Message);
        }
    }

    public CapturedRequest Captured { get; }

    public string RequestId => Captured.RequestId;

    public IReadOnlyList<int> PromptIds => Captured.PromptIds;

    public float? Temperature { get; private set; }

    public float? TopP { get; private set; }

    public int? TopK { get; private set; }

    public float? MinP { get; private set; }

    public float? FrequencyPenalty { get; private set; }

    public float? PresencePenalty { get; private set; }

    public float? RepetitionPenalty { get; private set; }

    public int? MaxTokens { get; private set; }

    public int? MinTokens { get; private set; }

    public long? Seed { get; private set; }

    public int? Choices { get; private set; }

    public bool IgnoreEos { get; private set; }

    public IReadOnlyList<string> Stops { get; private set; } = [];

    public IReadOnlyList<int> StopTokenIds { get; private set; } = [];

    public IReadOnlyDictionary<int, float> LogitBias { get; private set; } = new Dictionary<int, float>();

    public bool AsksForLogprobs { get; private set; }

    /// <summary>json_schema, json_object, regex, grammar, structural_tag, choice, or empty.</summary>
    public string Constraint { get; private set; } = "";

    public string ConstraintText { get; private set; } = "";

    /// <summary>
    /// The schema, where the constraint is one JSON value and nothing else, in whichever language it was sent; without the bound on white space.
    /// </summary>
    public string? SchemaAlone
    {
        get
        {
            if (Constraint == "structural_tag")
            {
                var format = System.Text.Json.Nodes.JsonNode.Parse(ConstraintText)!["format"];
                return (string?)format?["type"] == "json_schema" ? format!["json_schema"]!.ToJsonString() : null;
            }

            if (Constraint != "json_schema")
            {
                return null;
            }

            var schema = System.Text.Json.Nodes.JsonNode.Parse(ConstraintText)!.AsObject();
            schema.Remove("x-guidance");
            return schema.ToJsonString();
        }
    }

    /// <summary>Media in order: an address, or "bytes:" and the bytes in hexadecimal.</summary>
    public IReadOnlyList<string> Media { get; private set; } = [];

    public static bool Is(CapturedRequest request) => request.Message is Engine.GenerateRequest or Inference.GenerateRequest;

    /// <summary>The message as JSON, and the metadata that carry options.</summary>
    /// <param name="withPrompt">Whether the prompt's ids are in it.</param>
    /// <param name="withId">Whether the request id is in it, which otherwise differs from call to call.</param>
    public string ToJson(bool withPrompt = true, bool withId = false)
    {
        IMessage copy = Captured.Message is Engine.GenerateRequest engine ? engine.Clone() : ((Inference.GenerateRequest)Captured.Message).Clone();
        if (!withId)
        {
            copy.Descriptor.FindFieldByName("request_id").Accessor.Clear(copy);
        }

        if (!withPrompt)
        {
            copy.Descriptor.FindFieldByName(copy is Engine.GenerateRequest ? "tokenized" : "token_ids").Accessor.Clear(copy);
        }

        return JsonFormatter.Default.Format(copy)
            + string.Concat(
                Captured.Metadata.Where(pair => pair.Key.StartsWith("x-", StringComparison.Ordinal)).Select(pair => $" {pair.Key}: {pair.Value}"));
    }

    private void Read(Engine.GenerateRequest request)
    {
        var sampling = request.SamplingParams ?? new Engine.SamplingParams();
        Temperature = sampling.HasTemperature ? sampling.Temperature : null;
        TopP = Some(sampling.TopP);
        TopK = Some(sampling.TopK);
        MinP = Some(sampling.MinP);
        FrequencyPenalty = Some(sampling.FrequencyPenalty);
        PresencePenalty = Some(sampling.PresencePenalty);
        RepetitionPenalty = Some(sampling.RepetitionPenalty);
        MaxTokens = sampling.HasMaxTokens ? (int)sampling.MaxTokens : null;
        MinTokens = Some(sampling.MinTokens);
        Seed = sampling.HasSeed ? sampling.Seed : null;
        Choices = Some(sampling.N);
        IgnoreEos = sampling.IgnoreEos;
        Stops = [.. sampling.Stop];
        StopTokenIds = [.. sampling.StopTokenIds.Select(id => (int)id)];
        LogitBias = sampling.LogitBias.ToDictionary();
        AsksForLogprobs = sampling.HasLogprobs;
        (Constraint, ConstraintText) = sampling.ConstraintCase switch
        {
            Engine.SamplingParams.ConstraintOneofCase.None => ("", ""),
            Engine.SamplingParams.ConstraintOneofCase.JsonSchema => ("json_schema", sampling.JsonSchema),
            Engine.SamplingParams.ConstraintOneofCase.JsonObject => ("json_object", ""),
            Engine.SamplingParams.ConstraintOneofCase.Regex => ("regex", sampling.Regex),
            Engine.SamplingParams.ConstraintOneofCase.Grammar => ("grammar", sampling.Grammar),
            Engine.SamplingParams.ConstraintOneofCase.StructuralTag => ("structural_tag", sampling.StructuralTag),
            _ => ("choice", string.Join('|', sampling.Choice.Choices)),
        };
        Media = [.. (request.MediaRefs?.Items ?? []).Select(item => item.Url.StartsWith("data:", StringComparison.Ordinal)
            ? Bytes(Convert.FromBase64String(item.Url[(item.Url.IndexOf(',', StringComparison.Ordinal) + 1)..])) : item.Url)];
    }

    private void Read(Inference.GenerateRequest request)
    {
        var sampling = request.Sampling ?? new Inference.RandomSampling();
        var decoding = request.Decoding ?? new Inference.DecodingParameters();
        var stopping = request.Stopping ?? new Inference.StoppingCriteria();
        Temperature = request.HasTemperature ? request.Temperature : null;
        TopP = Some(sampling.TopP);
        TopK = Some(sampling.TopK);
        MinP = Some(sampling.MinP);
        FrequencyPenalty = Some(decoding.FrequencyPenalty);
        PresencePenalty = Some(decoding.PresencePenalty);
        RepetitionPenalty = Some(decoding.RepetitionPenalty);
        MaxTokens = Some(stopping.MaxNewTokens);
        MinTokens = Some(stopping.MinNewTokens);
        Seed = sampling.HasSeed ? sampling.Seed : null;
        Choices = Some(sampling.NumSequences);
        IgnoreEos = stopping.IgnoreEos;
        Stops = [.. stopping.StopStrings];
        StopTokenIds = [.. stopping.StopTokenIds.Select(id => (int)id)];
        LogitBias = decoding.LogitBias.ToDictionary(pair => (int)pair.Key, pair => pair.Value);
        AsksForLogprobs = request.Response?.OutputLogprobs == true;
        (Constraint, ConstraintText) = decoding.StructuredOutputCase switch
        {
            Inference.DecodingParameters.StructuredOutputOneofCase.None => ("", ""),
            Inference.DecodingParameters.StructuredOutputOneofCase.Json => ("json_schema", decoding.Json),
            Inference.DecodingParameters.StructuredOutputOneofCase.JsonObject => ("json_object", ""),
            Inference.DecodingParameters.StructuredOutputOneofCase.Regex => ("regex", decoding.Regex),
            Inference.DecodingParameters.StructuredOutputOneofCase.Grammar => ("grammar", decoding.Grammar),
            Inference.DecodingParameters.StructuredOutputOneofCase.StructuralTag => ("structural_tag", decoding.StructuralTag),
            _ => ("choice", string.Join('|', decoding.Choice.Choices)),
        };
        Media = [.. request.Media.Select(item => item.HasUrl ? item.Url : Bytes(item.RawBytes.Span))];
    }

    private static string Bytes(ReadOnlySpan<byte> bytes) => "bytes:" + Convert.ToHexString(bytes);

    private static float? Some(float value) => value == 0 ? null : value;

    private static int? Some(uint value) => value == 0 ? null : (int)value;
}
