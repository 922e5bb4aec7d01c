namespace Connectors.Vllm.Tokenizers;

/// <summary>Working memory of a model; models that need any derive from it. Not thread-safe.</summary>
internal class ModelState
{
    /// <summary>Called after each text: gives back what a huge text made it allocate.</summary>
    public virtual void Trim()
    {
    }
}
