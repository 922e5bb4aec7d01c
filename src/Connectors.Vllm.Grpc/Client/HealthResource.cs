namespace Connectors.Vllm.Grpc;

/// <summary>Health, load and running requests of the server.</summary>
public sealed class HealthResource
{
    private readonly IVllmEngine _engine;

    internal HealthResource(IVllmEngine engine) => _engine = engine;

    /// <summary>What the server says about its health.</summary>
    public Task<VllmHealth> CheckAsync(CancellationToken cancellationToken = default) => _engine.HealthAsync(cancellationToken);

    /// <summary>Facts about the server.</summary>
    public Task<VllmServerInfo> GetServerInfoAsync(CancellationToken cancellationToken = default) => _engine.GetServerInfoAsync(cancellationToken);

    /// <summary>Its load (VllmEngine protocol).</summary>
    public Task<IReadOnlyList<VllmLoad>> GetLoadsAsync(CancellationToken cancellationToken = default) => _engine.GetLoadsAsync(cancellationToken);

    /// <summary>Aborts requests by id; unknown ids are ignored.</summary>
    public Task AbortAsync(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default) =>
        _engine.AbortAsync(requestIds, cancellationToken);

    /// <summary>The blocking form of <see cref="CheckAsync"/>.</summary>
    public VllmHealth Check(CancellationToken cancellationToken = default) => Blocking.Run(() => CheckAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetServerInfoAsync"/>.</summary>
    public VllmServerInfo GetServerInfo(CancellationToken cancellationToken = default) => Blocking.Run(() => GetServerInfoAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="GetLoadsAsync"/>.</summary>
    public IReadOnlyList<VllmLoad> GetLoads(CancellationToken cancellationToken = default) => Blocking.Run(() => GetLoadsAsync(cancellationToken));

    /// <summary>The blocking form of <see cref="AbortAsync"/>.</summary>
    public void Abort(IReadOnlyList<string> requestIds, CancellationToken cancellationToken = default) =>
        Blocking.Run(() => AbortAsync(requestIds, cancellationToken));
}
