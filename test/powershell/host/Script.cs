using System.Management.Automation.Language;
using System.Text;

namespace Fieldcheck.PowerShellHost;

/// <summary>A script by its path, or its text (then without a byte-order mark).</summary>
internal record ScriptRequest
{
    public string? Path { get; init; }
    public string? Text { get; init; }
}

/// <summary>Something at a place in a script; line and column count from 1.</summary>
internal record Remark(int Line, int Column, string Text, string Message)
{
    internal static Remark At(IScriptExtent extent, string message) =>
        new(extent.StartLineNumber, extent.StartColumnNumber, FirstLine(extent.Text), message);

    private static string FirstLine(string text) => text.Split('\n')[0].TrimEnd();
}

/// <summary>A parsed script with what the parser said about it.</summary>
internal record Script(ScriptBlockAst Tree, Token[] Tokens, string Source, bool HasByteOrderMark, Remark[] Errors)
{
    internal static Script Read(ScriptRequest request)
    {
        var (source, marked) = request switch
        {
            { Path: { } path } => Decode(File.ReadAllBytes(path)),
            { Text: { } text } => (text, false),
            _ => throw new ArgumentException("a request names a path or a text"),
        };
        var tree = Parser.ParseInput(source, request.Path, out var tokens, out var errors);
        return new Script(tree, tokens, source, marked, [.. errors.Select(error => Remark.At(error.Extent, error.Message))]);
    }

    /// <summary>The parsed script, or an error that names the first syntax error: a broken tree proves nothing.</summary>
    internal static Script ReadSound(ScriptRequest request)
    {
        var script = Read(request);
        if (script.Errors is [var first, ..])
            throw new ArgumentException($"line {first.Line}, column {first.Column}: {first.Message}");
        return script;
    }

    private static (string, bool) Decode(byte[] bytes)
    {
        using var reader = new StreamReader(new MemoryStream(bytes), new UTF8Encoding(false), true);
        var source = reader.ReadToEnd();
        var marked = bytes is [0xEF, 0xBB, 0xBF, ..] or [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..];
        return (source, marked);
    }
}
