using System.Collections;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using System.Text.Json;

namespace Fieldcheck.PowerShellHost;

/// <summary>A script to run with stand-ins for the commands of Exchange and Windows.</summary>
internal record RunRequest
{
    public required string Path { get; init; }
    /// <summary>Texts, numbers, truth values (switches) and lists of texts, by parameter name.</summary>
    public Dictionary<string, JsonElement> Parameters { get; init; } = [];
    /// <summary>A folder with a module "StandIns": imported in front, and found there by runspaces the script opens.</summary>
    public required string ModulePath { get; init; }
    public string Culture { get; init; } = "en-US";
    public Dictionary<string, string> Environment { get; init; } = [];
    public int TimeLimitMs { get; init; } = 60_000;
}

internal record RunAnswer(string[] Output, string[] Errors, string[] Warnings, string[] Verbose, string[] Calls, bool TimedOut, long ElapsedMs);

/// <summary>Names of the commands that were really looked up, in every runspace that loaded the stand-ins.</summary>
public static class Recorder
{
    private static readonly ConcurrentDictionary<string, bool> Names = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A look-up's event handler; the stand-ins module hangs it into its runspace.</summary>
    public static EventHandler<CommandLookupEventArgs> Lookup { get; } = (_, look) => Names.TryAdd(look.CommandName, true);

    public static void Clear() => Names.Clear();

    public static string[] Seen() => [.. Names.Keys.Order(StringComparer.OrdinalIgnoreCase)];
}

internal static class ScriptRun
{
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RestGrace = TimeSpan.FromSeconds(1);

    /// <summary>True once something still runs that a script began: it would be in the way of the next one.</summary>
    internal static bool LeftSomethingRunning { get; private set; }

    /// <summary>In a real pwsh the commands of its modules are there; alone the host has to imitate them.</summary>
    private static readonly bool InPwsh = Assembly.GetEntryAssembly() != Assembly.GetExecutingAssembly();

    private static readonly string? ModulesOfPwsh = InPwsh ? Environment.GetEnvironmentVariable("PSModulePath") : null;

    /// <summary>The session that looks at the others, and those that were there before any script: pwsh runs this host in one.</summary>
    private static readonly Lazy<(Runspace Session, HashSet<Guid> Before)> Watch = new(() =>
    {
        var session = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        session.Open();
        return (session, [.. Open(session)]);
    });

    /// <summary>Runs the script in a session of its own; what it found in the environment is gone afterwards.</summary>
    internal static RunAnswer Of(RunRequest request)
    {
        var before = request.Environment.Keys.ToDictionary(name => name, Environment.GetEnvironmentVariable);
        foreach (var (name, value) in request.Environment) Environment.SetEnvironmentVariable(name, value);
        try
        {
            return InItsEnvironment(request);
        }
        finally
        {
            foreach (var (name, value) in before) Environment.SetEnvironmentVariable(name, value);
        }
    }

    private static RunAnswer InItsEnvironment(RunRequest request)
    {
        Environment.SetEnvironmentVariable("PSModulePath", string.Join(Path.PathSeparator, new[] { request.ModulePath, ModulesOfPwsh }.OfType<string>()));
        // No cache file: the engine would write it later, into a folder that is gone by then.
        Environment.SetEnvironmentVariable("PSModuleAnalysisCachePath", OperatingSystem.IsWindows() ? "NUL" : "/dev/null");
        // A command that is not there would be looked for among all programs of the machine: who calls a program says where it is.
        if (!request.Environment.ContainsKey("PATH")) Environment.SetEnvironmentVariable("PATH", request.ModulePath);
        var culture = CultureInfo.GetCultureInfo(request.Culture);
        CultureInfo.DefaultThreadCurrentCulture = culture;
        CultureInfo.DefaultThreadCurrentUICulture = culture;
        Recorder.Clear();

        if (InPwsh) _ = Watch.Value;
        using var runspace = RunspaceFactory.CreateRunspace(State(request));
        runspace.Open();
        runspace.SessionStateProxy.InvokeCommand.PreCommandLookupAction = Recorder.Lookup;
        var shell = PowerShell.Create(runspace);
        shell.AddCommand(request.Path);
        foreach (var (name, value) in request.Parameters) shell.AddParameter(name, Plain(value));

        var watch = Stopwatch.StartNew();
        var output = new PSDataCollection<PSObject>();
        var running = shell.BeginInvoke<PSObject, PSObject>(null, output);
        var inTime = running.AsyncWaitHandle.WaitOne(request.TimeLimitMs);
        var errors = new List<string>();
        if (inTime) End(shell, running, errors);
        else LeftSomethingRunning = !shell.BeginStop(null, null).AsyncWaitHandle.WaitOne(StopGrace);
        watch.Stop();

        errors.AddRange(shell.Streams.Error.Select(error => error.ToString()));
        var calls = Recorder.Seen();
        LeftSomethingRunning |= InPwsh && inTime && !ComesToRest(runspace.InstanceId);
        return new RunAnswer(
            [.. output.Select(item => item?.ToString() ?? "")],
            [.. errors],
            [.. shell.Streams.Warning.Select(warning => warning.Message)],
            [.. shell.Streams.Verbose.Select(verbose => verbose.Message)],
            calls, !inTime, watch.ElapsedMilliseconds);
    }

    /// <summary>
    /// Whether every session is closed that the script began: a command behind a remote connection may hang longer than its
    /// script and keep others from connecting. The far end of one that was closed needs a moment to notice.
    /// </summary>
    private static bool ComesToRest(Guid own)
    {
        var (session, before) = Watch.Value;
        for (var waited = Stopwatch.StartNew(); Open(session).Any(id => !before.Contains(id) && id != own); Thread.Sleep(10))
            if (waited.Elapsed > RestGrace) return false;
        return true;
    }

    private static Guid[] Open(Runspace session)
    {
        using var shell = PowerShell.Create(session);
        return [.. shell.AddCommand("Get-Runspace").Invoke<Runspace>()
            .Where(one => one.RunspaceStateInfo.State is not (RunspaceState.Closed or RunspaceState.Broken))
            .Select(one => one.InstanceId)];
    }

    private static InitialSessionState State(RunRequest request)
    {
        var state = InitialSessionState.CreateDefault2();
        if (!InPwsh) Imitate(state);
        state.ImportPSModulesFromPath(request.ModulePath);
        return state;
    }

    private static void Imitate(InitialSessionState state)
    {
        foreach (var type in Assembly.GetExecutingAssembly().GetTypes())
            if (type.GetCustomAttribute<CmdletAttribute>() is { } cmdlet)
                state.Commands.Add(new SessionStateCmdletEntry($"{cmdlet.VerbName}-{cmdlet.NounName}", type, null));
    }

    private static void End(PowerShell shell, IAsyncResult running, List<string> errors)
    {
        try
        {
            shell.EndInvoke(running);
        }
        catch (RuntimeException error)
        {
            errors.Add($"{error.ErrorRecord.InvocationInfo?.PositionMessage} {error.Message}");
        }
    }

    private static object? Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetInt32(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Array => value.EnumerateArray().Select(item => item.GetString()).ToArray(),
        _ => throw new ArgumentException($"a parameter of kind {value.ValueKind}"),
    };
}
