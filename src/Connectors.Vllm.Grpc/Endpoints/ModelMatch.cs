using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>Whether a prompt that was made for one model may go to a server, judged by what servers tell about their models.</summary>
internal static class ModelMatch
{
    /// <summary>
    /// The same server must tell exactly what it told then. Another server may call its model and its folder differently; there only what decides
    /// about token ids counts, as far as both tell it.
    /// </summary>
    public static bool Fits(VllmModelInfo prepared, VllmModelInfo served) =>
        ReferenceEquals(prepared, served) || (prepared.Endpoint == served.Endpoint
        ? Equals(prepared.RawRepresentation, served.RawRepresentation) && prepared.ContextLength == served.ContextLength
        : HaveSameTokens(prepared, served));

    /// <summary>
    /// Two servers whose models differ in both names: the served one and the last part of the path or hub id. One of the two alone may differ for the
    /// same model.
    /// </summary>
    public static bool AreNamedDifferently(VllmModelInfo one, VllmModelInfo other)
    {
        return one.Endpoint != other.Endpoint && Differ(one.ServedModelName, other.ServedModelName)
            && Differ(LastPart(one.ModelId), LastPart(other.ModelId));

        static bool Differ(string a, string b) => a.Length > 0 && b.Length > 0 && a != b;

        static string LastPart(string id) => id[(id.TrimEnd('/').LastIndexOf('/') + 1)..];
    }

    /// <summary>As far as the two tell, token ids of one mean the same to the other.</summary>
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

        // The Inference protocol tells names only.
        var bothNamesOnly = one.VocabularySize is null && other.VocabularySize is null;
        return !bothNamesOnly || one.ModelId == other.ModelId || one.ServedModelName == other.ServedModelName;
    }
}

/// <summary>
/// The one guard of "is it still the model this was made for": what the server tells now against what the prompt was made for. Together with
/// <see cref="CallContext.ExpectedEpoch"/>, which keeps the message back when the server may have changed since, nothing reaches another model.
/// </summary>
internal static class ModelGuard
{
    /// <summary>The model of the server; throws when it is not the one that <paramref name="prepared"/> tells.</summary>
    /// <exception cref="VllmModelChangedException">It is another one.</exception>
    /// <exception cref="VllmRequestException">Another endpoint serves a model of another name.</exception>
    public static async ValueTask<VllmModelInfo> CheckAsync(VllmModelInfo? prepared, KnownServer server, CancellationToken cancellationToken)
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
