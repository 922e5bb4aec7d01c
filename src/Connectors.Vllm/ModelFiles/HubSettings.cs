namespace Connectors.Vllm;

/// <summary>
/// Where the Hugging Face hub and its cache are, by the variables the Python library reads
/// (https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables). Values of the options win.
/// </summary>
internal sealed record HubSettings(Uri Endpoint, string CacheDirectory, string? Token, bool Offline)
{
    public static HubSettings FromEnvironment(Func<string, string?>? environment = null, Uri? endpoint = null, string? cacheDirectory = null,
        string? token = null)
    {
        var read = environment ?? Environment.GetEnvironmentVariable;
        var home = Value("HF_HOME") ?? Path.Combine(
            Value("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "huggingface");
        var cache = cacheDirectory ?? Value("HF_HUB_CACHE") ?? Value("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub");
        var server = endpoint ?? (Uri.TryCreate(Value("HF_ENDPOINT"), UriKind.Absolute, out var set) ? set : new Uri("https://huggingface.co"));
        return new HubSettings(server, cache, token ?? Value("HF_TOKEN") ?? ReadToken(Value("HF_TOKEN_PATH") ?? Path.Combine(home, "token")),
            IsOn("HF_HUB_OFFLINE") || IsOn("TRANSFORMERS_OFFLINE"));

        string? Value(string name) => read(name) is { Length: > 0 } value ? value : null;

        bool IsOn(string name) => Value(name)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
    }

    /// <summary>The folder of one repository inside the cache.</summary>
    public string RepositoryDirectory(string repository) =>
        Path.Combine(CacheDirectory, "models--" + repository.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>Without the token: records end up in logs.</summary>
    public override string ToString() => $"{Endpoint} ({CacheDirectory}{(Offline ? ", offline" : string.Empty)})";

    private static string? ReadToken(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
