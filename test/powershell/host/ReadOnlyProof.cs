using System.Management.Automation.Language;

namespace Fieldcheck.PowerShellHost;

/// <summary>What a script may use. Names compare without case; everything not listed is a violation.</summary>
internal record ReadOnlyRequest : ScriptRequest
{
    /// <summary>Commands by their full name.</summary>
    public string[] Commands { get; init; } = [];
    /// <summary>Instance methods as ".Name", static members and constructors as "[Type]::Name" ("[Type]::new").</summary>
    public string[] Members { get; init; } = [];
    /// <summary>Types in casts, constraints and expressions.</summary>
    public string[] Types { get; init; } = [];
    /// <summary>Commands, calls and assignments allowed once and only as written here, white space apart: the few that could also write.</summary>
    public string[] Exact { get; init; } = [];
    /// <summary>Own functions that run the command named by their parameter of this name, which must be a listed literal.</summary>
    public Dictionary<string, string> Invokers { get; init; } = [];
    /// <summary>Prefix of the script's own functions, so that none shadows a command.</summary>
    public string Prefix { get; init; } = "";
}

/// <summary>Violations, and what of each list was used, so that a test can refuse entries nobody needs.</summary>
internal record ReadOnlyAnswer(Remark[] Violations, string[] Commands, string[] Members, string[] Types, string[] Exact);

/// <summary>Proves from the syntax tree that a script only uses what it is allowed to use.</summary>
internal sealed class ReadOnlyProof : AstVisitor2
{
    private static readonly HashSet<string> BlockCommands = new(StringComparer.OrdinalIgnoreCase) { "ForEach-Object", "Where-Object" };
    private static readonly HashSet<string> BlockParameters = new(StringComparer.OrdinalIgnoreCase) { "Begin", "Process", "End", "FilterScript" };
    private static readonly HashSet<string> Attributes = new(StringComparer.OrdinalIgnoreCase)
    {
        "CmdletBinding", "Parameter", "OutputType", "AllowNull", "AllowEmptyString", "AllowEmptyCollection",
        "ValidateNotNullOrEmpty", "ValidateNotNull", "ValidateRange", "ValidateSet", "ValidatePattern",
    };
    private static readonly string[] VariableParameters =
        ["OutVariable", "ov", "ErrorVariable", "ev", "WarningVariable", "wv", "InformationVariable", "iv", "PipelineVariable", "pv"];
    private static readonly HashSet<string> SessionVariables = new(StringComparer.OrdinalIgnoreCase)
    {
        "PSDefaultParameterValues", "PSModuleAutoLoadingPreference", "ExecutionContext", "PSSessionConfigurationName", "PSSessionApplicationName", "PSSessionOption",
    };

    private readonly List<Remark> _violations = [];
    private readonly HashSet<string> _exactSeen = new(StringComparer.OrdinalIgnoreCase);
    private readonly Allowed _commands, _members, _types, _exact;
    private readonly ReadOnlyRequest _request;
    private readonly FunctionDefinitionAst[] _functions;
    private readonly ScriptBlockAst _tree;

    private ReadOnlyProof(ScriptBlockAst tree, ReadOnlyRequest request)
    {
        _tree = tree;
        _request = request;
        _commands = new Allowed(request.Commands);
        _members = new Allowed(request.Members);
        _types = new Allowed(request.Types);
        _exact = new Allowed(request.Exact.Select(Squeeze));
        _functions = [.. tree.FindAll(node => node is FunctionDefinitionAst, true).Cast<FunctionDefinitionAst>()];
    }

    internal static ReadOnlyAnswer Of(ReadOnlyRequest request)
    {
        var tree = Script.ReadSound(request).Tree;
        var proof = new ReadOnlyProof(tree, request);
        tree.Visit(proof);
        proof.CheckRequirements();
        return new ReadOnlyAnswer([.. proof._violations], proof._commands.Used, proof._members.Used, proof._types.Used, proof._exact.Used);
    }

    public override AstVisitAction VisitFunctionDefinition(FunctionDefinitionAst function)
    {
        if (!function.Name.StartsWith(_request.Prefix, StringComparison.Ordinal) || function.Name.Contains(':'))
            Violate(function, $"an own function without the prefix '{_request.Prefix}' could shadow a command");
        if (_functions.Count(other => SameName(other.Name, function.Name)) > 1)
            Violate(function, "an own function defined twice");
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitCommand(CommandAst command)
    {
        if (IsExact(command)) return AstVisitAction.Continue;
        if (command.InvocationOperator == TokenKind.Dot)
            Violate(command, "dot-sourcing");
        else if (command.InvocationOperator == TokenKind.Ampersand)
            CheckBlockCall(command);
        else if (command.GetCommandName() is not { } name)
            Violate(command, "a command whose name is only known at run time");
        else if (_functions.FirstOrDefault(function => SameName(function.Name, name)) is { } function)
            CheckOwnCall(command, function);
        else if (!_commands.Use(name))
            Violate(command, $"the command '{name}' is not on the list");
        else if (BlockCommands.Contains(name))
            CheckBlockArguments(command);
        foreach (var parameter in command.CommandElements.OfType<CommandParameterAst>())
            if (VariableParameters.Any(known => SameName(known, parameter.ParameterName)
                || (parameter.ParameterName.Length > 3 && known.StartsWith(parameter.ParameterName, StringComparison.OrdinalIgnoreCase))))
                Violate(parameter, "a parameter that assigns a variable by name");
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitFileRedirection(FileRedirectionAst redirection) => Violate(redirection, "a redirection into a file");

    public override AstVisitAction VisitInvokeMemberExpression(InvokeMemberExpressionAst call)
    {
        if (!IsExact(call)) CheckMember(call, isCall: true);
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitMemberExpression(MemberExpressionAst member)
    {
        CheckMember(member, isCall: false);
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitAssignmentStatement(AssignmentStatementAst assignment)
    {
        if (!IsExact(assignment)) CheckTarget(assignment.Left);
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitForEachStatement(ForEachStatementAst loop)
    {
        CheckTarget(loop.Variable);
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitUnaryExpression(UnaryExpressionAst unary)
    {
        if (unary.TokenKind is TokenKind.PlusPlus or TokenKind.MinusMinus or TokenKind.PostfixPlusPlus or TokenKind.PostfixMinusMinus)
            CheckTarget(unary.Child);
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitBinaryExpression(BinaryExpressionAst binary)
    {
        if (binary.Operator == TokenKind.As && binary.Right is not TypeExpressionAst)
            Violate(binary, "a cast to a type only known at run time");
        return AstVisitAction.Continue;
    }

    public override AstVisitAction VisitTypeExpression(TypeExpressionAst type) => CheckType(type, type.TypeName);

    public override AstVisitAction VisitTypeConstraint(TypeConstraintAst type) => CheckType(type, type.TypeName);

    public override AstVisitAction VisitAttribute(AttributeAst attribute) =>
        Attributes.Contains(attribute.TypeName.FullName) ? AstVisitAction.Continue : Violate(attribute, "an attribute not on the list");

    public override AstVisitAction VisitUsingStatement(UsingStatementAst use) => Violate(use, "a using statement: it loads code or shortens the names of types");

    public override AstVisitAction VisitTypeDefinition(TypeDefinitionAst type) => Violate(type, "a class");

    public override AstVisitAction VisitConfigurationDefinition(ConfigurationDefinitionAst configuration) => Violate(configuration, "a configuration");

    public override AstVisitAction VisitDynamicKeywordStatement(DynamicKeywordStatementAst keyword) => Violate(keyword, "a dynamic keyword");

    /// <summary>Allowed as written, and once: a second use could stand where its variables mean something else.</summary>
    private bool IsExact(Ast node)
    {
        var text = Squeeze(node.Extent.Text);
        if (!_exact.Use(text)) return false;
        if (!_exactSeen.Add(text)) Violate(node, "a second use of something allowed once");
        return true;
    }

    private void CheckRequirements()
    {
        if (_tree.ScriptRequirements is not { } needs) return;
        if (needs.RequiredModules.Count > 0 || needs.RequiredAssemblies.Count > 0)
            _violations.Add(new Remark(1, 1, "#requires", "a #requires that loads code"));
    }

    /// <summary>"&amp; $Block" is allowed for a [scriptblock] parameter that every caller fills with a literal block.</summary>
    private void CheckBlockCall(CommandAst command)
    {
        if (command.CommandElements[0] is not VariableExpressionAst { Splatted: false } variable
            || Enclosing(command) is not { } function
            || BlockParametersOf(function).All(parameter => !SameName(parameter, variable.VariablePath.UserPath)))
        {
            Violate(command, "a call of something only known at run time");
            return;
        }
        if (IsAssignedIn(function, variable.VariablePath.UserPath))
            Violate(command, "a call of a block that is assigned in between");
    }

    private void CheckOwnCall(CommandAst command, FunctionDefinitionAst function)
    {
        var elements = command.CommandElements.Skip(1).ToArray();
        if (elements.Any(element => element is VariableExpressionAst { Splatted: true }))
            Violate(command, "an own function with splatted arguments");
        foreach (var parameter in BlockParametersOf(function))
            if (ArgumentOf(elements, parameter) is not ScriptBlockExpressionAst && !(ParameterOf(function, parameter)?.DefaultValue is null && GivesNothingTo(function, elements, parameter)))
                Violate(command, $"'{function.Name}' without a literal block for -{parameter}");
        foreach (var (invoker, parameter) in _request.Invokers)
        {
            if (!SameName(invoker, function.Name)) continue;
            if (IsAssignedIn(function, parameter))
                Violate(function, $"'{invoker}' changes its -{parameter}");
            if (ArgumentOf(elements, parameter) is not StringConstantExpressionAst literal)
                Violate(command, $"'{invoker}' without a literal -{parameter}");
            else if (!_commands.Use(literal.Value))
                Violate(literal, $"the command '{literal.Value}' is not on the list");
        }
    }

    /// <summary>What is given to a parameter named in full; null when it is not named so.</summary>
    private static CommandElementAst? ArgumentOf(CommandElementAst[] elements, string parameter)
    {
        var at = Array.FindIndex(elements, element => element is CommandParameterAst { Argument: null } named && SameName(named.ParameterName, parameter));
        return at >= 0 && at + 1 < elements.Length ? elements[at + 1] : null;
    }

    private static IEnumerable<ParameterAst> ParametersOf(FunctionDefinitionAst function) =>
        function.Parameters ?? function.Body.ParamBlock?.Parameters ?? Enumerable.Empty<ParameterAst>();

    private static ParameterAst? ParameterOf(FunctionDefinitionAst function, string name) =>
        ParametersOf(function).FirstOrDefault(parameter => SameName(parameter.Name.VariablePath.UserPath, name));

    /// <summary>Every argument is that of another parameter, named in full: the one asked about stays null, and calling null fails.</summary>
    private static bool GivesNothingTo(FunctionDefinitionAst function, CommandElementAst[] elements, string parameter)
    {
        for (var at = 0; at < elements.Length; at++)
        {
            if (elements[at] is not CommandParameterAst { Argument: null } named || SameName(named.ParameterName, parameter)) return false;
            if (ParameterOf(function, named.ParameterName) is not { } known) return false;
            if (known.StaticType != typeof(System.Management.Automation.SwitchParameter)) at++;
        }
        return true;
    }

    private static bool IsAssignedIn(FunctionDefinitionAst function, string variable)
    {
        bool Names(Ast node) => node.FindAll(inner => inner is VariableExpressionAst found && SameName(found.VariablePath.UserPath, variable), true).Any();
        return function.Body.FindAll(node => node switch
        {
            AssignmentStatementAst assignment => Names(assignment.Left),
            ForEachStatementAst loop => Names(loop.Variable),
            _ => false,
        }, true).Any();
    }

    /// <summary>ForEach-Object and Where-Object also take a member name or a comparison: only literal blocks are allowed.</summary>
    private void CheckBlockArguments(CommandAst command)
    {
        foreach (var element in command.CommandElements.Skip(1))
        {
            var fine = element is ScriptBlockExpressionAst
                || (element is CommandParameterAst { Argument: null } named && BlockParameters.Contains(named.ParameterName));
            if (!fine) Violate(element, "an argument other than a literal block");
        }
    }

    private void CheckMember(MemberExpressionAst member, bool isCall)
    {
        if (member.Member is not StringConstantExpressionAst name)
            Violate(member, "a member only known at run time");
        else if (member.Static && member.Expression is not TypeExpressionAst)
            Violate(member, "a static member of a type only known at run time");
        else if (member.Static && !_members.Use($"[{((TypeExpressionAst)member.Expression).TypeName.FullName}]::{name.Value}"))
            Violate(member, $"the static member '{member.Expression.Extent.Text}::{name.Value}' is not on the list");
        else if (!member.Static && isCall && !_members.Use($".{name.Value}"))
            Violate(member, $"the method '.{name.Value}' is not on the list");
    }

    private void CheckTarget(ExpressionAst target)
    {
        switch (target)
        {
            case VariableExpressionAst variable: CheckVariable(variable); break;
            case AttributedExpressionAst attributed: CheckTarget(attributed.Child as ExpressionAst ?? throw new InvalidOperationException("an attributed target without an expression")); break;
            case ArrayLiteralAst list: foreach (var element in list.Elements) CheckTarget(element); break;
            case IndexExpressionAst index when IsEntry(index): CheckTarget(index.Target); break;
            default: Violate(target, "an assignment to something other than a variable or an entry of one"); break;
        }
    }

    private static bool IsEntry(IndexExpressionAst index) =>
        index.Target is VariableExpressionAst || (index.Target is IndexExpressionAst outer && IsEntry(outer));

    private void CheckVariable(VariableExpressionAst variable)
    {
        var path = variable.VariablePath;
        if (path.IsDriveQualified) Violate(variable, $"an assignment into the drive '{path.DriveName}:'");
        else if (path.IsGlobal) Violate(variable, "an assignment to a global variable");
        else if (SessionVariables.Contains(path.UserPath.Split(':')[^1])) Violate(variable, "an assignment to a variable of the session");
    }

    private AstVisitAction CheckType(Ast node, ITypeName type)
    {
        if (!_types.Use(type.FullName)) Violate(node, $"the type '{type.FullName}' is not on the list");
        return AstVisitAction.Continue;
    }

    private static FunctionDefinitionAst? Enclosing(Ast node)
    {
        for (var parent = node.Parent; parent is not null; parent = parent.Parent)
            if (parent is FunctionDefinitionAst function) return function;
        return null;
    }

    private static string[] BlockParametersOf(FunctionDefinitionAst function) =>
        [.. ParametersOf(function)
            .Where(parameter => parameter.Attributes.OfType<TypeConstraintAst>().Any(type => SameName(type.TypeName.FullName, "scriptblock")))
            .Select(parameter => parameter.Name.VariablePath.UserPath)];

    private AstVisitAction Violate(Ast node, string message)
    {
        _violations.Add(Remark.At(node.Extent, message));
        return AstVisitAction.Continue;
    }

    private static bool SameName(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);

    private static string Squeeze(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    /// <summary>A list of names that remembers which of them were asked for.</summary>
    private sealed class Allowed(IEnumerable<string> names)
    {
        private readonly HashSet<string> _names = new(names, StringComparer.OrdinalIgnoreCase);
        private readonly SortedSet<string> _used = new(StringComparer.OrdinalIgnoreCase);

        internal string[] Used => [.. _used];

        internal bool Use(string name)
        {
            if (!_names.TryGetValue(name, out var listed)) return false;
            _used.Add(listed);
            return true;
        }
    }
}
