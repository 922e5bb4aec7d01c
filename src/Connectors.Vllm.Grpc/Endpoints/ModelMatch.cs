using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>Decides whether a prompt made for one model may be sent to a server, based on what servers report about their models.</summary>
internal static class ModelMatch
{
    /// <summary>
    /// The same server must report exactly what it reported before. Another server may use a different name or folder for the same model, so only the
    /// properties that determine token ids are compared, where both report them.
    /// </summary>
    public static bool Fits(VllmModelInfo prepared, VllmModelInfo served) =>
        ReferenceEquals(prepared, served) || (prepared.Endpoint == served.Endpoint
        ? Equals(prepared.RawRepresentation, served.RawRepresentation) && prepared.ContextLength == served.ContextLength
        : HaveSameTokens(prepared, served));

    /// <summary>
    /// Whether the models of two servers differ in both names: the served name and the last segment of the path or hub id. Only one of them may
    /// differ for the same model.
    /// </summary>
    public static bool AreNamedDifferently(VllmModelInfo one, VllmModelInfo other)
    {
        return one.Endpoint != other.Endpoint && Differ(one.ServedModelName, other.ServedModelName)
            && Differ(LastPart(one.ModelId), LastPart(other.ModelId));

        static bool Differ(string a, string b) => a.Length > 0 && b.Length > 0 && a != b;

        static string LastPart(string id) => id[(id.TrimEnd('/').LastIndexOf('/') + 1)..];
    }

    /// <summary>Whether token ids mean the same to both models, as far as the servers report it.</summary>
    public static bool HaveSameTokens(VllmModelInfo one, VllmModelInfo other)
    {
        if (one.ModelType is not null && other.ModelType is not null)
        {
            return one.ModelType == other.ModelType
                && one.VocabularySize == other.VocabularySize
                && one.Architectures.SequenceEqual(other.Architectures)
                && one.EosTokenIds.SequenceEqual(other.EosTokenIds);
        }

        if (one.VocabularySize is not null && other.VocabularySize is not null)
        {
            return one.VocabularySize == other.VocabularySize;
        }

        // The Inference protocol reports names only.
        var bothNamesOnly = one.VocabularySize is null && other.VocabularySize is null;
        return !bothNamesOnly || one.ModelId == other.ModelId || one.ServedModelName == other.ServedModelName;
    }
}

/// <summary>
/// Compares the model that the server serves now with the one the prompt was made for. Together with <see cref="CallContext.ExpectedEpoch"/>, which
/// holds the message back if the server may have been replaced in the meantime, this keeps a prompt from reaching another model.
/// </summary>
internal static class ModelGuard
{
    /// <summary>Gets the model of the server; throws if it does not match <paramref name="prepared"/>.</summary>
    /// <exception cref="VllmModelChangedException">The server serves another model.</exception>
    /// <exception cref="VllmRequestException">Another endpoint serves a model of another name.</exception>
    public static async ValueTask<VllmModelInfo> CheckAsync(VllmModelInfo? prepared, DetectedServer server, CancellationToken cancellationToken)
    {
        var served = await server.Protocol.GetModelInfoAsync(cancellationToken).ConfigureAwait(false);
        if (prepared is not null && ModelMatch.AreNamedDifferently(prepared, served) && ModelMatch.HaveSameTokens(prepared, served))
        {
            throw new VllmRequestException(
                $"The endpoints serve different models: {prepared.Endpoint} serves '{prepared.ServedModelName}' and {served.Endpoint} serves "
                + $"'{served.ServedModelName}'; nothing was sent. The endpoints of one client must serve the same model; create a client for "
                + $"each model.")
            {
                StatusCode = StatusCode.FailedPrecondition,
                Endpoint = served.Endpoint,
                Parameter = "Endpoints",
            };
        }

        return prepared is null || ModelMatch.Fits(prepared, served) ? served : throw new VllmModelChangedException(
            $"{served.Endpoint} now serves '{served.ServedModelName}', but the prompt was tokenized for '{prepared.ServedModelName}' as reported by "
            + $"{prepared.Endpoint}; nothing was sent. Tokenize the prompt again for the model that is served now.")
        {
            StatusCode = StatusCode.FailedPrecondition,
            Endpoint = served.Endpoint,
            Model = served,
        };
    }
}
