using System.Reflection;
using Xunit.v3;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>The table of contract points and the tests agree.</summary>
public sealed class ContractPointTests
{
    public static TheoryData<int> Points => [.. Enumerable.Range(1, 51)];

    [Theory]
    [MemberData(nameof(Points))]
    public void Point_EachOne_HasATest(int point)
    {
        Assert.True(ContractPoints.All.ContainsKey(point));
        Assert.Contains(Tests(), test => test.Points.Contains(point));
    }

    [Fact]
    public void Tests_WithAPoint_AreTestsThatRunAndPointsThatExist() => Assert.All(Tests(), test =>
    {
        var fact = test.Method.GetCustomAttribute<FactAttribute>();
        Assert.True(fact is { Skip: null }, $"{test.Method.DeclaringType}.{test.Method.Name} does not run");
        Assert.All(test.Points, point => Assert.Contains(point, ContractPoints.All.Keys));
    });

    private static IEnumerable<(MethodInfo Method, IReadOnlyList<int> Points)> Tests() =>
        from type in typeof(ContractPointTests).Assembly.GetTypes()
        from method in type.GetMethods()
        let attribute = method.GetCustomAttribute<ContractPointAttribute>()
        where attribute is not null
        select (method, attribute.Points);
}
