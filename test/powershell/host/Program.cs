using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fieldcheck.PowerShellHost;

/// <summary>
/// One JSON line in, one JSON line out, so that a test suite pays for the start of the engine once.
/// It runs alone, or inside a real pwsh that loads it and calls Main: scripts then have all the commands of that pwsh.
/// A request that fails answers {"error": "..."}. The end of the input ends the host at once, and so does a script
/// that left something running: its answer is marked as the last.
/// </summary>
internal static class Program
{
    internal static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    private static void Main()
    {
        // Everything a script prints goes elsewhere: standard output carries answers only.
        var answers = Console.Out;
        Console.SetOut(Console.Error);
        var requests = new BlockingCollection<string>();
        new Thread(() => ReadUntilTheEnd(requests)).Start();
        foreach (var line in requests.GetConsumingEnumerable())
        {
            answers.WriteLine(Answer(line));
            answers.Flush();
            if (ScriptRun.LeftSomethingRunning) break;
        }
        // A stand-in that ignored Stop() still holds a thread; a plain return would wait for it.
        Environment.Exit(0);
    }

    private static void ReadUntilTheEnd(BlockingCollection<string> requests)
    {
        while (Console.In.ReadLine() is { } line) requests.Add(line);
        // Nobody waits for the answer to what still runs.
        Environment.Exit(0);
    }

    private static string Answer(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var kind = document.RootElement.GetProperty("kind").GetString();
            var request = document.RootElement.GetProperty("request");
            object answer = kind switch
            {
                "parse" => Script.Read(Decode<ScriptRequest>(request)).Errors,
                "readonly" => ReadOnlyProof.Of(Decode<ReadOnlyRequest>(request)),
                "compat51" => Compatibility51.Of(Decode<ScriptRequest>(request)),
                "run" => ScriptRun.Of(Decode<RunRequest>(request)),
                _ => throw new ArgumentException($"unknown kind '{kind}'"),
            };
            return JsonSerializer.Serialize(new { answer, last = ScriptRun.LeftSomethingRunning }, Json);
        }
        catch (Exception error)
        {
            return JsonSerializer.Serialize(new { error = error.ToString() }, Json);
        }
    }

    private static T Decode<T>(JsonElement request) =>
        request.Deserialize<T>(Json) ?? throw new ArgumentException("the request is null");
}
