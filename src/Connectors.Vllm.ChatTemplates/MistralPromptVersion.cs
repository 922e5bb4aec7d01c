namespace Connectors.Vllm.ChatTemplates;

/// <summary>Version of Mistral's prompt format, as <c>config.version</c> of tekken.json or the ending of tokenizer.model.v* states it.</summary>
public enum MistralPromptVersion
{
    /// <summary>v3 (Mistral 7B v0.3, Mixtral, Nemo): no system token; tools and the system prompt go before and into the last user message.</summary>
    V3 = 3,

    /// <summary>v7 (Mistral Large 2411, Small 2501): system prompts have tokens.</summary>
    V7 = 7,

    /// <summary>v11 (Small 3.2): one <c>[TOOL_CALLS]</c> per call, with its id.</summary>
    V11 = 11,

    /// <summary>v13 (Magistral, Devstral 2507, Ministral 3): reasoning in <c>[THINK]</c>, calls without ids, tools before the first user message.</summary>
    V13 = 13,

    /// <summary>v15: model settings such as the reasoning effort.</summary>
    V15 = 15,
}
