using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Functions;

/// <summary>glibc's strftime on a naive local time with English names, as Python's <c>datetime.now().strftime</c> prints it.</summary>
internal static class TimeFormat
{
    public static string Format(DateTimeOffset time, string format)
    {
        var output = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }

            var start = i++;
            var flag = format[i] is '-' or '_' or '0' or '^' or '#' ? format[i++] : '\0';
            var text = i < format.Length ? Field(time, format[i], flag) : null;
            output.Append(text ?? format[start..Math.Min(i + 1, format.Length)]);
        }

        return output.ToString();
    }

    private static string? Field(DateTimeOffset time, char field, char flag)
    {
        var culture = CultureInfo.InvariantCulture;
        var text = field switch
        {
            'Y' => Number(time.Year, 1, '0', flag),
            'y' => Number(time.Year % 100, 2, '0', flag),
            'C' => Number(time.Year / 100, 2, '0', flag),
            'm' => Number(time.Month, 2, '0', flag),
            'd' => Number(time.Day, 2, '0', flag),
            'e' => Number(time.Day, 2, ' ', flag),
            'H' => Number(time.Hour, 2, '0', flag),
            'k' => Number(time.Hour, 2, ' ', flag),
            'I' => Number(((time.Hour + 11) % 12) + 1, 2, '0', flag),
            'l' => Number(((time.Hour + 11) % 12) + 1, 2, ' ', flag),
            'M' => Number(time.Minute, 2, '0', flag),
            'S' => Number(time.Second, 2, '0', flag),
            'f' => (time.Ticks % TimeSpan.TicksPerSecond / 10).ToString("000000", culture),
            'j' => Number(time.DayOfYear, 3, '0', flag),
            'u' => Number(((int)time.DayOfWeek + 6) % 7 + 1, 1, '0', flag),
            'w' => Number((int)time.DayOfWeek, 1, '0', flag),
            'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2, '0', flag),
            'W' => Number((time.DayOfYear + 6 - (((int)time.DayOfWeek + 6) % 7)) / 7, 2, '0', flag),
            'V' => Number(ISOWeek.GetWeekOfYear(time.DateTime), 2, '0', flag),
            'G' => Number(ISOWeek.GetYear(time.DateTime), 1, '0', flag),
            'g' => Number(ISOWeek.GetYear(time.DateTime) % 100, 2, '0', flag),
            'A' => culture.DateTimeFormat.GetDayName(time.DayOfWeek),
            'a' => culture.DateTimeFormat.GetAbbreviatedDayName(time.DayOfWeek),
            'B' => culture.DateTimeFormat.GetMonthName(time.Month),
            'b' or 'h' => culture.DateTimeFormat.GetAbbreviatedMonthName(time.Month),
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            's' => new DateTimeOffset(time.DateTime, time.Offset).ToUnixTimeSeconds().ToString(culture),
            'c' => Format(time, "%a %b %e %H:%M:%S %Y"),
            'x' or 'D' => Format(time, "%m/%d/%y"),
            'X' or 'T' => Format(time, "%H:%M:%S"),
            'R' => Format(time, "%H:%M"),
            'r' => Format(time, "%I:%M:%S %p"),
            'F' => Format(time, "%Y-%m-%d"),
            'n' => "\n",
            't' => "\t",
            'z' or 'Z' => "",
            '%' => "%",
            _ => null,
        };
        return flag == '^' ? text?.ToUpperInvariant()
            : flag == '#' && field == 'p' ? text?.ToLowerInvariant()
            : flag == '#' ? text?.ToUpperInvariant()
            : text;
    }

    private static string Number(int number, int width, char pad, char flag)
    {
        var text = number.ToString(CultureInfo.InvariantCulture);
        return flag == '-' ? text : text.PadLeft(width, flag == '_' ? ' ' : flag == '0' ? '0' : pad);
    }
}
