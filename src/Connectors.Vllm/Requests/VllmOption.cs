using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// A parameter of a request: one of <see cref="VllmOptions"/>, or a member of <see cref="ChatOptions"/> under the names that APIs use for it (<see
/// cref="ChatOptionNames"/>).
/// </summary>
/// <param name="Name">vLLM's own name, the key in <c>AdditionalProperties</c>.</param>
/// <param name="Aliases">Other names under which it is read; the first one that is present is used.</param>
/// <param name="Property">The corresponding property, for example of <see cref="VllmChatOptionsExtensions"/>; null if there is none.</param>
/// <param name="Values">The accepted values, for the documentation.</param>
/// <param name="Protocols">The protocols that support it; null if it is implemented by the client and works with all of them.</param>
/// <param name="Description">The description, for the documentation.</param>
internal abstract record VllmOption(string Name, string[] Aliases, string? Property, string Values, VllmProtocol[]? Protocols, string Description)
{
    /// <summary>Whether it constrains the answer; such a parameter may also be set in <c>structured_outputs</c>.</summary>
    public abstract bool IsConstraint { get; }

    /// <summary>Whether the parameter has the given name.</summary>
    public bool HasName(string name, StringComparison comparison = StringComparison.Ordinal) =>
        Name.Equals(name, comparison) || Array.Exists(Aliases, alias => alias.Equals(name, comparison));

    /// <summary>Reads the value; null if it is not set.</summary>
    /// <exception cref="ArgumentException">The value is invalid; the message contains the key and the value.</exception>
    public abstract object? ReadValue(PropertyReader properties);

    /// <summary>Sets the value on a request for the engine.</summary>
    public abstract GenerationRequest Fill(GenerationRequest request, object value);

    /// <summary>Sets the corresponding member of the options if it is not set.</summary>
    public abstract void Fill(ChatOptions options, object value);

    /// <summary>Gets the constraint that the value represents; null for none.</summary>
    /// <exception cref="VllmRequestException">The value is malformed.</exception>
    public abstract OutputConstraint? GetConstraint(object value);
}

/// <summary>A parameter with a value of type <typeparamref name="T"/>, a nullable type.</summary>
internal sealed record VllmOption<T>(string Name, string[] Aliases, string? Property, string Values, VllmProtocol[]? Protocols, string Description)
    : VllmOption(Name, Aliases, Property, Values, Protocols, Description)
{
    /// <summary>Reads and validates the value of a key.</summary>
    public required Func<PropertyReader, string, T> Reader { get; init; }

    /// <summary>Converts a value to a JSON-compatible one; null for no conversion.</summary>
    public Func<T, object?>? Writer { get; init; }

    /// <summary>Sets the value on a request that does not set it; null if it is applied elsewhere.</summary>
    public Func<GenerationRequest, T, GenerationRequest>? Request { get; init; }

    /// <summary>Sets the value on sampling options that do not set it.</summary>
    public Func<SamplingOptions, T, SamplingOptions>? Sampling { get; init; }

    /// <summary>Sets the corresponding member of the options if it is not set.</summary>
    public Action<ChatOptions, T>? Member { get; init; }

    /// <summary>Creates the constraint that a value represents.</summary>
    public Func<T, OutputConstraint?>? Constraint { get; init; }

    public override bool IsConstraint => Constraint is not null;

    /// <exception cref="ArgumentException">The value is invalid; the message contains the key and the value.</exception>
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

    /// <summary>Stores a value in a JSON-compatible form; null removes it.</summary>
    /// <exception cref="ArgumentException">The value is invalid; the message contains the property and the value.</exception>
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

    public override object? ReadValue(PropertyReader properties) => Read(properties);

    public override GenerationRequest Fill(GenerationRequest request, object value) =>
        Request is not null ? Request(request, (T)value)
        : Sampling is not null ? request with { Sampling = Sampling(request.Sampling, (T)value) }
        : request;

    public override void Fill(ChatOptions options, object value) => Member?.Invoke(options, (T)value);

    public override OutputConstraint? GetConstraint(object value) => Constraint?.Invoke((T)value);
}
