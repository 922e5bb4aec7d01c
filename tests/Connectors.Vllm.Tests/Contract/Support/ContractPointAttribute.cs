using Xunit.v3;

namespace Connectors.Vllm.Tests;

/// <summary>
/// The point of the provider contract (see <see cref="Contract.ContractPoints"/>) that a test proves. A point may have several tests, and a test
/// several points.
/// </summary>
/// <param name="points">Numbers of <see cref="Contract.ContractPoints.All"/>.</param>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ContractPointAttribute(params int[] points) : Attribute, ITraitAttribute
{
    public IReadOnlyList<int> Points => points;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() =>
        [.. points.Select(
            point => new KeyValuePair<string, string>("ContractPoint", point.ToString(System.Globalization.CultureInfo.InvariantCulture)))];
}
