using System.Text.Json;

namespace Connectors.Vllm.Benchmarks;

/// <summary>Prints one measured case as one JSON object on stdout.</summary>
internal static class JsonReport
{
    public static void Print(params (string Key, object? Value)[] members)
    {
        using MemoryStream line = new();
        using (Utf8JsonWriter writer = new(line))
        {
            writer.WriteStartObject();
            foreach (var (key, value) in members)
            {
                switch (value)
                {
                    case null:
                        writer.WriteNull(key);
                        break;
                    case string text:
                        writer.WriteString(key, text);
                        break;
                    case bool flag:
                        writer.WriteBoolean(key, flag);
                        break;
                    case double number:
                        writer.WriteNumber(key, Math.Round(number, 3));
                        break;
                    default:
                        writer.WriteNumber(key, Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture));
                        break;
                }
            }

            writer.WriteEndObject();
        }

        Console.WriteLine(System.Text.Encoding.UTF8.GetString(line.ToArray()));
    }
}
