using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>One of vLLM's parameters beyond <see cref="ChatOptions"/>: a row of <see cref="VllmOptions"/>.</summary>
/// <param name="Name">vLLM's own name, the key in <c>AdditionalProperties</c>.</param>
/// <param name="Aliases">Other names it is read under; the first that is present counts.</param>
/// <param name="Property">The extension property of <see cref="VllmChatOptionsExtensions"/>; null when there is none.</param>
/// <param name="Values">What it takes, for the documentation.</param>
/// <param name="Protocols">Which protocols carry it; null when it has its effect on the client and so works with both.</param>
/// <param name="Description">What it does, for the documentation.</param>
internal abstract record VllmOption(string Name, string[] Aliases, string? Property, string Values, VllmProtocol[]? Protocols, string Description)
{
    /// <summary>Reads the value, to find out whether it makes sense.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public abstract void Check(PropertyReader properties);
}

/// <summary>A parameter with a value of type <typeparamref name="T"/>, a nullable type.</summary>
internal sealed record VllmOption<T>(string Name, string[] Aliases, string? Property, string Values, VllmProtocol[]? Protocols, string Description)
    : VllmOption(Name, Aliases, Property, Values, Protocols, Description)
{
    /// <summary>Reads and checks the value under a key.</summary>
    public required Func<PropertyReader, string, T> Reader { get; init; }

    /// <summary>Turns a value into one that JSON knows; the identity when null.</summary>
    public Func<T, object?>? Writer { get; init; }

    /// <exception cref="ArgumentException">The value makes no sense; the message names key and value.</exception>
    public T Read(PropertyReader properties)
    {
        if (properties.Has(Name))
        {
            return Reader(properties, Name);
        }

        var alias = Array.Find(Aliases, properties.Has);
        return alias is null ? default! : Reader(properties, alias);
    }

    public T Get(ChatOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Read(new PropertyReader(options.AdditionalProperties));
    }

    /// <summary>Stores a value in a form that survives cloning, caching and serialization; null removes it.</summary>
    /// <exception cref="ArgumentException">The value makes no sense; the message names the property and the value.</exception>
    public void Set(ChatOptions options, T value)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (value is null)
        {
            options.AdditionalProperties?.Remove(Name);
            return;
        }

        var stored = Writer is null ? value : Writer(value);
        _ = Reader(new PropertyReader(new AdditionalPropertiesDictionary { [Name] = stored }, Property), Name);
        (options.AdditionalProperties ??= [])[Name] = stored;
    }

    public override void Check(PropertyReader properties) => Read(properties);
}
