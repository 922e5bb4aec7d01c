namespace Connectors.Vllm;

/// <summary>One place a model's tokenizer and template can come from.</summary>
internal interface IModelFileSource
{
    /// <summary>Short name for messages: "ModelDirectory", "GetTokenizer", "Hugging Face cache", "hub download".</summary>
    string Name { get; }

    /// <summary>
    /// Returns the files, or <see langword="null"/> with the reason added to <paramref name="tried"/>. A source that
    /// fails must not keep the next one from being asked; thrown are only cancellation and <see cref="VllmModelChangedException"/>.
    /// </summary>
    Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken);
}
