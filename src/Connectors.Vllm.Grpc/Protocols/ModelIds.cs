namespace Connectors.Vllm.Grpc;

/// <summary>Readable model ids.</summary>
internal static class ModelIds
{
    /// <summary>
    /// <c>org/model</c> for a path like <c>…/models--org--model/snapshots/commit</c> (the Hugging Face cache layout, which an offline server
    /// reports); anything else as it is.
    /// </summary>
    public static string FromPath(string path)
    {
        const string Mark = "models--";
        foreach (var part in path.Split('/', '\\'))
        {
            if (part.StartsWith(Mark, StringComparison.Ordinal) && part.Length > Mark.Length)
            {
                return part[Mark.Length..].Replace("--", "/", StringComparison.Ordinal);
            }
        }

        return path;
    }
}
