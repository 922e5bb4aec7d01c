namespace Connectors.Vllm.ChatTemplates;

/// <summary>A template value that is not a plain string: what a <see cref="Value"/> refers to.</summary>
internal abstract class PyObject
{
    public virtual ValueKind Kind => ValueKind.Object;

    /// <summary>The name of the Python type, for error messages.</summary>
    public abstract string TypeName { get; }

    public virtual bool IsTruthy => true;

    /// <summary>The attribute of this name, or a missing value.</summary>
    public virtual Value GetAttribute(RenderContext context, string name) => default;

    /// <summary>The iterator of <c>for</c>, or null when the object cannot be iterated.</summary>
    public virtual PyIterator? TryIterate() => null;

    /// <summary>The length of <c>len()</c>, or -1 when the object has none.</summary>
    public virtual int Length => -1;

    public virtual bool IsCallable => false;

    public virtual Value Call(RenderContext context, CallArguments arguments) =>
        throw new PyException($"'{TypeName}' object is not callable");

    /// <summary>Writes <c>repr()</c>.</summary>
    public virtual void WriteRepr(RenderContext context, TextBuilder output) => output.Append($"<{TypeName} object>");
}
