using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.SemanticKernel
{
    public sealed class Kernel
    {
        public static IKernelBuilder CreateBuilder() => new StandInBuilder();

        public IEnumerable<KernelPlugin> Plugins { get; } = [];

        private sealed class StandInBuilder : IKernelBuilder
        {
            public IServiceCollection Services { get; } = new ServiceCollection();
        }
    }

    public interface IKernelBuilder
    {
        IServiceCollection Services { get; }
    }

    public abstract class FunctionChoiceBehavior;

    public abstract class KernelPlugin(string name)
    {
        public string Name { get; } = name;

        public abstract bool Contains(string functionName);
    }

    [JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
    public class PromptExecutionSettings
    {
        private string? _modelId;
        private IDictionary<string, object>? _extensionData;

        public static string DefaultServiceId => "default";

        [JsonPropertyName("service_id")]
        public string? ServiceId { get; set; }

        [JsonPropertyName("model_id")]
        public string? ModelId
        {
            get => _modelId;
            set
            {
                ThrowIfFrozen();
                _modelId = value;
            }
        }

        [JsonIgnore]
        public FunctionChoiceBehavior? FunctionChoiceBehavior { get; set; }

        [JsonExtensionData]
        public IDictionary<string, object>? ExtensionData
        {
            get => _extensionData;
            set
            {
                ThrowIfFrozen();
                _extensionData = value;
            }
        }

        [JsonIgnore]
        public bool IsFrozen { get; private set; }

        public virtual void Freeze() => IsFrozen = true;

        public virtual PromptExecutionSettings Clone() => new() { ModelId = ModelId, ServiceId = ServiceId, ExtensionData = ExtensionData is null ? null : new Dictionary<string, object>(ExtensionData) };

        protected void ThrowIfFrozen()
        {
            if (IsFrozen)
            {
                throw new InvalidOperationException("PromptExecutionSettings are frozen and cannot be modified.");
            }
        }

        protected virtual void PrepareChatOptionsForRequest(ChatOptions options)
        {
        }

        internal void Prepare(ChatOptions options) => PrepareChatOptionsForRequest(options);
    }

    public static class PromptExecutionSettingsExtensions
    {
        /// <summary>The part of the real method that the adapter relies on: settings to options by snake_case names, everything else into AdditionalProperties.</summary>
        public static ChatOptions? ToChatOptions(this PromptExecutionSettings? settings, Kernel? kernel)
        {
            _ = kernel;
            if (settings is null)
            {
                return null;
            }

            var options = new ChatOptions { ModelId = settings.ModelId };
            var json = JsonSerializer.SerializeToElement(settings, settings.GetType());
            foreach (var property in json.EnumerateObject())
            {
                switch (property.Name)
                {
                    case "service_id" or "model_id":
                        break;
                    case "temperature" when property.Value.ValueKind == JsonValueKind.Number:
                        options.Temperature = property.Value.GetSingle();
                        break;
                    case "top_p" when property.Value.ValueKind == JsonValueKind.Number:
                        options.TopP = property.Value.GetSingle();
                        break;
                    case "top_k" when property.Value.ValueKind == JsonValueKind.Number:
                        options.TopK = property.Value.GetInt32();
                        break;
                    case "max_tokens" when property.Value.ValueKind == JsonValueKind.Number:
                        options.MaxOutputTokens = property.Value.GetInt32();
                        break;
                    case "seed" when property.Value.ValueKind == JsonValueKind.Number:
                        options.Seed = property.Value.GetInt64();
                        break;
                    case "frequency_penalty" when property.Value.ValueKind == JsonValueKind.Number:
                        options.FrequencyPenalty = property.Value.GetSingle();
                        break;
                    case "presence_penalty" when property.Value.ValueKind == JsonValueKind.Number:
                        options.PresencePenalty = property.Value.GetSingle();
                        break;
                    case "stop_sequences" when property.Value.ValueKind == JsonValueKind.Array:
                        options.StopSequences = [.. property.Value.EnumerateArray().Select(item => item.GetString()!)];
                        break;
                    case "chat_system_prompt" when property.Value.ValueKind == JsonValueKind.String:
                        options.Instructions = property.Value.GetString();
                        break;
                    case "response_format" when property.Value.ValueKind != JsonValueKind.Null:
                        options.ResponseFormat = property.Value.ValueKind == JsonValueKind.String
                            ? property.Value.GetString() switch { "json_object" => ChatResponseFormat.Json, "text" => ChatResponseFormat.Text, _ => null }
                            : ChatResponseFormat.ForJsonSchema(property.Value);
                        break;
                    default:
                        (options.AdditionalProperties ??= [])[property.Name] = property.Value.ValueKind switch
                        {
                            JsonValueKind.String => property.Value.GetString(),
                            JsonValueKind.Number => property.Value.GetDouble(),
                            JsonValueKind.True => true,
                            JsonValueKind.False => false,
                            JsonValueKind.Null => null,
                            JsonValueKind.Array when property.Value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number) =>
                                property.Value.EnumerateArray().Select(item => item.GetDouble()),
                            _ => property.Value,
                        };
                        break;
                }
            }

            settings.Prepare(options);
            return options;
        }
    }
}
