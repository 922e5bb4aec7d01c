// Prints the general category of every code point as .NET 10 (Unicode 16) knows it, in runs. Part of generate.py.
using System.Globalization;

var start = 0;
for (var codePoint = 1; codePoint <= 0x110000; codePoint++)
{
    var category = CharUnicodeInfo.GetUnicodeCategory(start);
    if (codePoint == 0x110000 || CharUnicodeInfo.GetUnicodeCategory(codePoint) != category)
    {
        Console.WriteLine($"{start} {codePoint - 1} {(int)category}");
        start = codePoint;
    }
}
