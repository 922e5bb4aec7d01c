using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>The settings that the Metaspace pre-tokenizer and decoder share, read in today's and in the older form.</summary>
/// <param name="Marker">The character that stands for a blank.</param>
/// <param name="Prepend">Where a marker is added.</param>
/// <param name="Split">Whether pieces are cut before each marker.</param>
internal sealed record MetaspaceSettings(Rune Marker, MetaspacePrepend Prepend, bool Split)
{
    public static MetaspaceSettings Read(ComponentJson json)
    {
        var marker = json.Required("replacement");
        if (Rune.DecodeFromUtf16(marker.AsString(), out var rune, out var length) != System.Buffers.OperationStatus.Done || length != marker.AsString().Length)
        {
            throw marker.Error("the replacement must be exactly one character");
        }

        var scheme = json.OptionalString("prepend_scheme") switch
        {
            null => (MetaspacePrepend?)null,
            "always" => MetaspacePrepend.Always,
            "first" => MetaspacePrepend.First,
            "never" => MetaspacePrepend.Never,
            var other => throw json.Error($"the prepend_scheme '{other}' is unknown; known are always, first and never"),
        };

        // The older form says add_prefix_space; false means never, and may not contradict a scheme.
        if (!json.Bool("add_prefix_space", true))
        {
            scheme = scheme is null or MetaspacePrepend.Never
                ? MetaspacePrepend.Never
                : throw json.Error("add_prefix_space is false, but prepend_scheme is not 'never'");
        }

        return new MetaspaceSettings(rune, scheme ?? MetaspacePrepend.Always, json.Bool("split", true));
    }
}
