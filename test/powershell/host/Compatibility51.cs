using System.Management.Automation.Language;
using System.Text.RegularExpressions;

namespace Fieldcheck.PowerShellHost;

/// <summary>
/// Finds what the parser of PowerShell 7 accepts and Windows PowerShell 5.1 does not. Windows PowerShell itself runs
/// on Windows only, so this list stands in for it: it knows what it lists and no more.
/// </summary>
internal sealed partial class Compatibility51 : AstVisitor2
{
    private static readonly Version WindowsPowerShell = new(5, 1);

    private static readonly Dictionary<string, string[]> NewParameters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ConvertTo-Json"] = ["AsArray", "EnumsAsStrings", "EscapeHandling"],
        ["ConvertFrom-Json"] = ["AsHashtable", "Depth", "NoEnumerate", "DateKind"],
        ["ForEach-Object"] = ["Parallel", "ThrottleLimit", "TimeoutSeconds", "AsJob", "UseNewRunspace"],
        ["Invoke-RestMethod"] = ["SkipCertificateCheck", "SkipHttpErrorCheck", "SkipHeaderValidation", "Form", "Authentication", "Token", "MaximumRetryCount",
            "RetryIntervalSec", "ResponseHeadersVariable", "StatusCodeVariable", "NoProxy", "HttpVersion", "ConnectionTimeoutSeconds", "OperationTimeoutSeconds",
            "SslProtocol", "CustomMethod", "FollowRelLink", "MaximumFollowRelLink", "Resume", "PreserveAuthorizationOnRedirect", "AllowUnencryptedAuthentication"],
        ["Join-Path"] = ["AdditionalChildPath", "Extension"],
        ["Split-Path"] = ["LeafBase", "Extension"],
        ["Get-Content"] = ["AsByteStream"],
        ["Set-Content"] = ["AsByteStream"],
        ["Sort-Object"] = ["Top", "Bottom", "Stable"],
        ["Get-Date"] = ["UnixTimeSeconds", "AsUTC"],
        ["Measure-Object"] = ["AllStats"],
        ["ConvertTo-Csv"] = ["UseQuotes", "QuoteFields", "IncludeTypeInformation", "NoHeader"],
        ["Export-Csv"] = ["UseQuotes", "QuoteFields", "IncludeTypeInformation", "NoHeader"],
        ["Select-String"] = ["Raw", "NoEmphasis", "Culture"],
        ["Start-Sleep"] = ["Duration"],
        ["Get-Random"] = ["Shuffle"],
    };

    private static readonly HashSet<string> NewCommands = new(StringComparer.OrdinalIgnoreCase)
    {
        "Get-Error", "Join-String", "Test-Json", "Remove-Alias", "Get-Uptime", "Start-ThreadJob", "ConvertFrom-Markdown", "Show-Markdown",
        "Remove-Service", "Get-SecureRandom", "Switch-Process", "ConvertTo-CliXml", "ConvertFrom-CliXml",
    };

    private static readonly HashSet<string> NewVariables = new(StringComparer.OrdinalIgnoreCase)
    {
        "IsWindows", "IsLinux", "IsMacOS", "IsCoreCLR", "PSStyle", "EnabledExperimentalFeatures", "PSNativeCommandUseErrorActionPreference",
    };

    /// <summary>Static members that .NET Framework 4.8 lacks.</summary>
    private static readonly HashSet<string> NewMembers = new(StringComparer.OrdinalIgnoreCase)
    {
        "ToHexString", "ToHexStringLower", "FromHexString", "HashData", "GetHexString", "GetItems", "Clamp", "GetRelativePath", "Latin1",
        "UnixEpoch", "Shared", "ReadExactly", "TicksPerNanosecond", "ProcessPath", "ProcessId", "TickCount64", "IsPathFullyQualified",
    };

    private readonly List<Remark> _remarks = [];

    internal static Remark[] Of(ScriptRequest request)
    {
        var script = Script.ReadSound(request);
        var check = new Compatibility51();
        script.Tree.Visit(check);
        check.CheckRequirements(script.Tree.ScriptRequirements);
        check.CheckTokens(script.Tokens);
        if (!script.HasByteOrderMark) check.CheckCharacters(script.Source);
        return [.. check._remarks.OrderBy(remark => remark.Line).ThenBy(remark => remark.Column)];
    }

    public override AstVisitAction VisitTernaryExpression(TernaryExpressionAst ternary) => Newer(ternary, "the ternary operator");

    public override AstVisitAction VisitPipelineChain(PipelineChainAst chain)
    {
        if (chain.Background) Newer(chain, "the background operator '&'");
        return Newer(chain, "a pipeline chain ('&&' or '||')");
    }

    public override AstVisitAction VisitPipeline(PipelineAst pipeline) =>
        pipeline.Background ? Newer(pipeline, "the background operator '&'") : AstVisitAction.Continue;

    public override AstVisitAction VisitBinaryExpression(BinaryExpressionAst binary) => binary.Operator switch
    {
        TokenKind.QuestionQuestion => Newer(binary, "the null-coalescing operator '??'"),
        TokenKind.Ireplace or TokenKind.Creplace when ReplacesByBlock(binary.Right) => Newer(binary, "-replace with a script block"),
        _ => AstVisitAction.Continue,
    };

    public override AstVisitAction VisitAssignmentStatement(AssignmentStatementAst assignment) =>
        assignment.Operator == TokenKind.QuestionQuestionEquals ? Newer(assignment, "the null-coalescing assignment '??='") : AstVisitAction.Continue;

    public override AstVisitAction VisitMemberExpression(MemberExpressionAst member) => CheckMember(member);

    public override AstVisitAction VisitInvokeMemberExpression(InvokeMemberExpressionAst call)
    {
        if (call.GenericTypeArguments is { Count: > 0 }) Newer(call, "generic method arguments");
        var name = (call.Member as StringConstantExpressionAst)?.Value ?? "";
        var arguments = call.Arguments?.Count ?? 0;
        // .NET Framework has Split(char[]) only: a longer text would be taken as a set of separators.
        if (name.Equals("Split", StringComparison.OrdinalIgnoreCase) && call.Arguments is [StringConstantExpressionAst { Value.Length: > 1 }, ..])
            Newer(call, "Split by a text of several characters");
        if (name.Equals("Contains", StringComparison.OrdinalIgnoreCase) && arguments > 1) Newer(call, "Contains with a comparison");
        if (name.Equals("Replace", StringComparison.OrdinalIgnoreCase) && arguments > 2 && !call.Static) Newer(call, "Replace with a comparison");
        return CheckMember(call);
    }

    public override AstVisitAction VisitIndexExpression(IndexExpressionAst index) =>
        index.NullConditional ? Newer(index, "the null-conditional index '?[]'") : AstVisitAction.Continue;

    public override AstVisitAction VisitScriptBlock(ScriptBlockAst block) =>
        block.CleanBlock is { } clean ? Newer(clean, "a clean block") : AstVisitAction.Continue;

    public override AstVisitAction VisitVariableExpression(VariableExpressionAst variable) =>
        NewVariables.Contains(variable.VariablePath.UserPath) ? Newer(variable, $"the variable '${variable.VariablePath.UserPath}'") : AstVisitAction.Continue;

    public override AstVisitAction VisitCommand(CommandAst command)
    {
        if (command.GetCommandName() is not { } name) return AstVisitAction.Continue;
        if (NewCommands.Contains(name)) Newer(command, $"the command '{name}'");
        foreach (var parameter in command.CommandElements.OfType<CommandParameterAst>())
        {
            if (NewParameters.TryGetValue(name, out var newer) && newer.Contains(parameter.ParameterName, StringComparer.OrdinalIgnoreCase))
                Newer(parameter, $"the parameter '-{parameter.ParameterName}' of {name}");
        }
        for (var at = 1; at + 1 < command.CommandElements.Count; at++)
        {
            if (command.CommandElements[at] is CommandParameterAst { ParameterName: var parameter }
                && parameter.Equals("Encoding", StringComparison.OrdinalIgnoreCase)
                && command.CommandElements[at + 1] is StringConstantExpressionAst encoding
                && NewEncoding().IsMatch(encoding.Value))
                Newer(encoding, $"the encoding '{encoding.Value}'");
        }
        return AstVisitAction.Continue;
    }

    private AstVisitAction CheckMember(MemberExpressionAst member)
    {
        if (member.NullConditional) Newer(member, "the null-conditional member '?.'");
        if (member.Static && member.Member is StringConstantExpressionAst name && NewMembers.Contains(name.Value))
            Newer(member, $"'{name.Value}' of a newer .NET than Framework 4.8");
        return AstVisitAction.Continue;
    }

    private void CheckRequirements(ScriptRequirements? needs)
    {
        if (needs?.RequiredPSVersion is { } version && version > WindowsPowerShell)
            _remarks.Add(new Remark(1, 1, $"#requires -Version {version}", "newer than Windows PowerShell 5.1: #requires a newer version"));
        if (needs?.RequiredPSEditions is { Count: > 0 } editions && !editions.Contains("Desktop", StringComparer.OrdinalIgnoreCase))
            _remarks.Add(new Remark(1, 1, "#requires -PSEdition", "newer than Windows PowerShell 5.1: #requires another edition"));
    }

    private void CheckTokens(Token[] tokens)
    {
        var previous = TokenKind.NewLine;
        foreach (var token in tokens)
        {
            if (token is NumberToken && NewNumber().IsMatch(token.Text)) Newer(token, "a number suffix or a binary number");
            if (token is StringExpandableToken && NewEscape().IsMatch(token.Text)) Newer(token, "the escape `e or `u{}");
            if (token.Kind == TokenKind.Pipe && previous == TokenKind.NewLine) Newer(token, "a line that starts with '|'");
            if (token.Kind != TokenKind.Comment) previous = token.Kind;
        }
    }

    private void CheckCharacters(string source)
    {
        var lines = source.Split('\n');
        for (var line = 0; line < lines.Length; line++)
        {
            var column = lines[line].AsSpan().IndexOfAnyExceptInRange('\0', '\x7F');
            if (column >= 0)
                _remarks.Add(new Remark(line + 1, column + 1, lines[line].TrimEnd(), "not ASCII and no byte-order mark: Windows PowerShell reads it as ANSI"));
        }
    }

    private static bool ReplacesByBlock(ExpressionAst right) =>
        right is ScriptBlockExpressionAst || (right is ArrayLiteralAst list && list.Elements.Any(element => element is ScriptBlockExpressionAst));

    private AstVisitAction Newer(Ast node, string what)
    {
        _remarks.Add(Remark.At(node.Extent, $"newer than Windows PowerShell 5.1: {what}"));
        return AstVisitAction.Continue;
    }

    private void Newer(Token token, string what) => _remarks.Add(Remark.At(token.Extent, $"newer than Windows PowerShell 5.1: {what}"));

    [GeneratedRegex("^(utf8NoBOM|utf8BOM|ansi)$", RegexOptions.IgnoreCase)]
    private static partial Regex NewEncoding();

    // 5.1 knows the suffixes l and d and the multipliers kb to pb; u, y, s, n and 0b came later.
    [GeneratedRegex("^[+-]?0b[01]|[uysn]l?([kmgtp]b)?$", RegexOptions.IgnoreCase)]
    private static partial Regex NewNumber();

    // An escape counts where the number of back-ticks before the letter is odd.
    [GeneratedRegex("(?<!`)(``)*`(e|u\\{)")]
    private static partial Regex NewEscape();
}
