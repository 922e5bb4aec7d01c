namespace Connectors.Vllm.OutputParsing;

/// <summary>Says whether a marker counts in the current state.</summary>
internal delegate bool MarkerFilter<TState>(in TState state, Marker marker)
    where TState : allows ref struct;
