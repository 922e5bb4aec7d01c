using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// One parameter of a request: a row of <see cref="VllmOptions"/>, or a member of <see cref="ChatOptions"/> under the names that APIs have for it
/// (<see cref="ChatOptionNames"/>).
/// </summary>
/// <param name="Name">vLLM's own name, the key in <c>AdditionalProperties</c>.</param>
/// <param name="Aliases">Other names it is read under; the first that is present counts.</param>
/// <param name="Property">The property that stands for it, of <see cref="VllmChatOptionsExtensions"/> for a row; null when there is none.</param>
/// <param name="Values">What it takes, for the documentation.</param>
/// <param name="Protocols">Which protocols carry it; null when it has its effect on the client and so works with both.</param>
/// <param name="Description">What it does, for the documentation.</param>
internal abstract record VllmOption(string Name, string[] Aliases, string? Property, string Values, VllmProtocol[]? Protocols, string Description)
{
    /// <summary>Whether it constrains the answer; such a parameter may also stand in <c>structured_outputs</c>.</summary>
    public abstract bool IsConstraint { get; }

    /// <summary>Whether a name means this parameter.</summary>
    public bool Answers(string name, StringComparison comparison = StringComparison.Ordinal) =>
        Name.Equals(name, comparison) || Array.Exists(Aliases, alias => alias.Equals(name, comparison));

    /// <summary>The value; null when there is none.</summary>
    /// <exception cref="ArgumentException">The value makes no sense; the message names key and value.</exception>
    public abstract object? ReadValue(PropertyReader properties);

    /// <summary>Puts the value into a request for the engine.</summary>
    public abstract GenerationRequest Fill(GenerationRequest request, object value);

    /// <summary>Puts the value into its member of the options, if that is unset.</summary>
    public abstract void Fill(ChatOptions options, object value);

    /// <summary>The constraint that the value puts on the answer; null for none.</summary>
    /// <exception cref="VllmRequestException">The value is malformed.</exception>
    public abstract OutputConstraint? ConstraintOf(object value);
}

/// <summary>A parameter with a value of type <typeparamref name="T"/>, a nullable type.</summary>
internal sealed record VllmOption<T>(string Name, string[] Aliases, string? Property, string Values, VllmProtocol[]? Protocols, string Description)
    : VllmOption(Name, Aliases, Property, Values, Protocols, Description)
{
    /// <summary>Reads and checks the value under a key.</summary>
    public required Func<PropertyReader, string, T> Reader { get; init; }

    /// <summary>Turns a value into one that JSON knows; the identity when null.</summary>
    public Func<T, object?>? Writer { get; init; }

    /// <summary>Puts a value into a request that leaves it open; null when it has its effect elsewhere.</summary>
    public Func<GenerationRequest, T, GenerationRequest>? Request { get; init; }

    /// <summary>The same for sampling parameters.</summary>
    public Func<SamplingOptions, T, SamplingOptions>? Sampling { get; init; }

    /// <summary>Puts a value into the member of the options that it stands for, if that is unset.</summary>
    public Action<ChatOptions, T>? Member { get; init; }

    /// <summary>Makes the constraint on the answer that a value stands for.</summary>
    public Func<T, OutputConstraint?>? Constraint { get; init; }

    public override bool IsConstraint => Constraint is not null;

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

    public override object? ReadValue(PropertyReader properties) => Read(properties);

    public override GenerationRequest Fill(GenerationRequest request, object value) =>
        Request is not null ? Request(request, (T)value)
        : Sampling is not null ? request with { Sampling = Sampling(request.Sampling, (T)value) }
        : request;

    public override void Fill(ChatOptions options, object value) => Member?.Invoke(options, (T)value);

    public override OutputConstraint? ConstraintOf(object value) => Constraint?.Invoke((T)value);
}
