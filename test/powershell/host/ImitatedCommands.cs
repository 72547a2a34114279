using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Net.Http.Headers;
using System.Text;

namespace Fieldcheck.PowerShellHost;

// The commands of the Utility and Management modules that the collectors and their stand-ins use, as far as they use
// them. An imitation throws on what it does not imitate: a test must not pass on a guess.

[Cmdlet(VerbsCommunications.Write, "Verbose")]
public sealed class WriteVerboseCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)] public string Message { get; set; } = "";
    protected override void ProcessRecord() => WriteVerbose(Message);
}

[Cmdlet(VerbsCommunications.Write, "Warning")]
public sealed class WriteWarningCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)] public string Message { get; set; } = "";
    protected override void ProcessRecord() => WriteWarning(Message);
}

[Cmdlet(VerbsCommunications.Write, "Error")]
public sealed class WriteErrorCommand : PSCmdlet
{
    [Parameter(Mandatory = true, Position = 0)] public string Message { get; set; } = "";
    protected override void ProcessRecord() =>
        WriteError(new ErrorRecord(new InvalidOperationException(Message), "WriteError", ErrorCategory.NotSpecified, null));
}

/// <summary>Nobody watches here.</summary>
[Cmdlet(VerbsCommunications.Write, "Progress")]
public sealed class WriteProgressCommand : PSCmdlet
{
    [Parameter(Mandatory = true)] public string Activity { get; set; } = "";
    [Parameter] public string Status { get; set; } = "";
    [Parameter] public SwitchParameter Completed { get; set; }
}

/// <summary>A pause that Stop() ends, like the real one.</summary>
[Cmdlet(VerbsLifecycle.Start, "Sleep")]
public sealed class StartSleepCommand : PSCmdlet
{
    private readonly ManualResetEventSlim _stopped = new();
    [Parameter] public int Seconds { get; set; }
    [Parameter] public int Milliseconds { get; set; }
    protected override void ProcessRecord() => _stopped.Wait(TimeSpan.FromSeconds(Seconds) + TimeSpan.FromMilliseconds(Milliseconds));
    protected override void StopProcessing() => _stopped.Set();
}

/// <summary>JSON of dictionaries, lists, texts, whole numbers, truth values and null, escaped as Windows PowerShell 5.1 does.</summary>
[Cmdlet(VerbsData.ConvertTo, "Json")]
public sealed class ConvertToJsonCommand : PSCmdlet
{
    [Parameter(Mandatory = true)] public object? InputObject { get; set; }
    [Parameter] public int Depth { get; set; } = 2;
    [Parameter] public SwitchParameter Compress { get; set; }

    protected override void ProcessRecord()
    {
        var json = new StringBuilder();
        Append(json, InputObject, 0);
        WriteObject(json.ToString());
    }

    private void Append(StringBuilder json, object? value, int depth)
    {
        if (value is PSObject wrapped) value = wrapped.BaseObject;
        // The real command flattens deeper objects to text, silently.
        if (depth > Depth && value is IEnumerable and not string) throw new NotImplementedException($"deeper than -Depth {Depth}");
        switch (value)
        {
            case null: json.Append("null"); break;
            case string text: AppendText(json, text); break;
            case bool truth: json.Append(truth ? "true" : "false"); break;
            case int or long: json.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture)); break;
            case IDictionary table: AppendTable(json, table, depth); break;
            case IList list: AppendList(json, list, depth); break;
            default: throw new NotImplementedException($"JSON of a {value.GetType()}: turn it into text in the script");
        }
    }

    private void AppendTable(StringBuilder json, IDictionary table, int depth)
    {
        if (table is Hashtable { Count: > 1 }) throw new NotImplementedException("an unordered table with several keys");
        json.Append('{');
        var first = true;
        foreach (DictionaryEntry entry in table)
        {
            if (!first) json.Append(',');
            first = false;
            AppendText(json, (string)entry.Key);
            json.Append(':');
            Append(json, entry.Value, depth + 1);
        }
        json.Append('}');
    }

    private void AppendList(StringBuilder json, IList list, int depth)
    {
        json.Append('[');
        for (var at = 0; at < list.Count; at++)
        {
            if (at > 0) json.Append(',');
            Append(json, list[at], depth + 1);
        }
        json.Append(']');
    }

    private static void AppendText(StringBuilder json, string text)
    {
        json.Append('"');
        foreach (var character in text)
        {
            if (character is '"' or '\\') json.Append('\\').Append(character);
            else if (character is '\'' or '<' or '>' or '&' || character < ' ') json.Append("\\u").Append(((int)character).ToString("x4", CultureInfo.InvariantCulture));
            else json.Append(character);
        }
        json.Append('"');
    }
}

/// <summary>A real POST to a loopback address; the answer comes back as text.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "RestMethod")]
public sealed class InvokeRestMethodCommand : PSCmdlet
{
    [Parameter(Mandatory = true)] public Uri Uri { get; set; } = new("about:blank");
    [Parameter(Mandatory = true), ValidateSet("Post")] public string Method { get; set; } = "";
    [Parameter(Mandatory = true)] public byte[] Body { get; set; } = [];
    [Parameter(Mandatory = true)] public string ContentType { get; set; } = "";
    [Parameter] public IDictionary Headers { get; set; } = new Hashtable();
    [Parameter(Mandatory = true)] public int TimeoutSec { get; set; }
    [Parameter] public SwitchParameter UseBasicParsing { get; set; }

    protected override void ProcessRecord()
    {
        if (!Uri.IsLoopback) throw new NotImplementedException($"a POST to {Uri.Host}");
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(TimeoutSec) };
        using var request = new HttpRequestMessage(HttpMethod.Post, Uri) { Content = new ByteArrayContent(Body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(ContentType);
        foreach (DictionaryEntry header in Headers) request.Headers.Add((string)header.Key, (string?)header.Value);
        using var response = client.Send(request);
        if (!response.IsSuccessStatusCode) throw new HttpRequestException($"The remote server returned an error: ({(int)response.StatusCode}).");
        using var reader = new StreamReader(response.Content.ReadAsStream());
        WriteObject(reader.ReadToEnd());
    }
}
