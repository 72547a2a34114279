#requires -Version 5.1
<#
.SYNOPSIS
Collects what one node of a load-balanced SMTP service knows about itself into one JSON file. It changes nothing.

.DESCRIPTION
Run it in the Exchange Management Shell, on every node of the service. What is read, what leaves the server and
the shape of the file are described in README.md beside this script.

.PARAMETER OutputPath
The file to write. Default: smtp-source-ip-NODE.json in the current folder.

.PARAMETER SectionSeconds
Time limit of every section, in seconds.

.PARAMETER LogHours
How far back the SMTP receive log is read, in hours.

.PARAMETER LogSeconds
Time limit for reading the log, in seconds. Newest files first; what was read until then is kept and marked.

.PARAMETER LogPath
Folder of the receive log, where the front-end transport service does not tell it.

.PARAMETER ProbeVip
Addresses of the service to greet through the load balancer, such as 192.0.2.25:25 or [2001:db8::25]:25.

.PARAMETER ProbeNode
Nodes to greet directly, such as EX2=192.0.2.12:25.

.PARAMETER ProbeTries
How often each address of -ProbeVip is greeted, so that the load balancer shows more than one node.

.PARAMETER ProbeOnly
Only probe, for example on a member server that is no node of the service.

.PARAMETER UploadUri
The door to post the file to: https://HOST/api/organizations/ORGANIZATION/facts

.PARAMETER Key
Collector key of the organization (fck_...). Default: the environment variable FIELDCHECK_KEY.
.PARAMETER FunctionKey
Key of a function app that is older than keys of organizations. Default: the environment variable FIELDCHECK_FUNCTION_KEY.

.EXAMPLE
.\Collect-SmtpSourceIpFacts.ps1 -OutputPath C:\Facts\EX1.json
#>
[CmdletBinding()]
param(
    [string] $OutputPath = "smtp-source-ip-$env:COMPUTERNAME.json",
    [ValidateRange(1, 3600)] [int] $SectionSeconds = 60,
    [ValidateRange(1, 720)] [int] $LogHours = 24,
    [ValidateRange(1, 3600)] [int] $LogSeconds = 300,
    [string] $LogPath = '',
    [string[]] $ProbeVip = @(),
    [string[]] $ProbeNode = @(),
    [ValidateRange(1, 50)] [int] $ProbeTries = 4,
    [switch] $ProbeOnly,
    [string] $UploadUri = '',
    [string] $Key = $env:FIELDCHECK_KEY,
    [string] $FunctionKey = $env:FIELDCHECK_FUNCTION_KEY
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

#region shared: the same text in every collector, so that each is one file to copy to a server

$script:errors = [System.Collections.Generic.List[object]]::new()
$script:sections = [System.Collections.Generic.List[object]]::new()
$script:deadline = [datetime]::MaxValue
$script:section = ''
$script:runspaces = @{}

function FcUtc {
    param([datetime] $Time)
    $Time.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
}

# A property that older builds or other shells may lack.
function FcProperty {
    param([object] $Item, [string] $Name)
    if ($null -eq $Item) { return $null }
    $property = $Item.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    $property.Value
}

function FcText {
    param([object] $Item, [string] $Name)
    [string] (FcProperty $Item $Name)
}

function FcTexts {
    param([object] $Item, [string] $Name)
    foreach ($value in @(FcProperty $Item $Name)) {
        if ($null -ne $value) { [string] $value }
    }
}

function FcNumber {
    param([object] $Item, [string] $Name)
    $value = FcProperty $Item $Name
    if ($null -eq $value -or [string] $value -eq '') { return $null }
    [int] $value
}

function FcTruth {
    param([object] $Item, [string] $Name)
    $value = [string] (FcProperty $Item $Name)
    if ($value -eq '') { return $null }
    $value -eq 'True' -or $value -eq '1'
}

function FcTime {
    param([object] $Item, [string] $Name)
    $value = FcProperty $Item $Name
    if ($null -eq $value) { return $null }
    FcUtc $value
}

# The innermost sentence, without the mail addresses that Exchange likes to repeat. What PowerShell says of a stop, in the
# language of the server, stands around the record of the reason.
function FcMessage {
    param([System.Management.Automation.ErrorRecord] $Failure)
    $reason = $Failure.Exception.GetBaseException()
    $record = FcProperty $reason 'ErrorRecord'
    if ($null -ne $record) { $reason = $record.Exception }
    $message = $reason.Message -replace '[^\s@''"<>:;,()]+@[^\s@''"<>:;,()]+', '<address>'
    $message = $message -replace '\s+', ' '
    if ($message.Length -gt 400) { $message = $message.Substring(0, 400) }
    $message.Trim()
}

function FcFail {
    param([string] $Section, [string] $Message)
    $script:errors.Add([ordered] @{ section = $Section; message = $Message })
}

# One section: what fails in it is kept, and the next one starts with a time limit of its own.
function FcSection {
    param([string] $Name, [int] $Seconds, [scriptblock] $Gather)
    Write-Verbose "reading $Name"
    Write-Progress -Activity 'Collecting facts' -Status $Name
    $script:section = $Name
    $script:deadline = [datetime]::UtcNow.AddSeconds($Seconds)
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $failures = $script:errors.Count
    try {
        & $Gather
    } catch {
        FcFail $Name (FcMessage $_)
    }
    $script:sections.Add([ordered] @{ section = $Name; complete = ($script:errors.Count -eq $failures); elapsedMs = [int] $watch.ElapsedMilliseconds })
}

function FcConnection {
    foreach ($session in @(Get-PSSession)) {
        if ($session.ConfigurationName -eq 'Microsoft.Exchange' -and $session.State -eq 'Opened') {
            return $session.Runspace.OriginalConnectionInfo
        }
    }
}

# A second connection like the shell's own, or a fresh local runspace: one that hangs is dropped and the next call opens another.
function FcRunspace {
    param([string] $Place)
    if ($script:runspaces.ContainsKey($Place)) { return $script:runspaces[$Place] }
    # A server that is busy may refuse the first connection: the second one decides.
    foreach ($isLast in $false, $true) {
        $connection = $null
        if ($Place -eq 'exchange') { $connection = FcConnection }
        if ($null -ne $connection) {
            $runspace = [System.Management.Automation.Runspaces.RunspaceFactory]::CreateRunspace($connection)
        } else {
            $state = [System.Management.Automation.Runspaces.InitialSessionState]::CreateDefault2()
            $runspace = [System.Management.Automation.Runspaces.RunspaceFactory]::CreateRunspace($state)
        }
        # Opening waits for a server, too.
        $runspace.OpenAsync()
        while (@('BeforeOpen', 'Opening') -contains [string] $runspace.RunspaceStateInfo.State) {
            if ([datetime]::UtcNow -ge $script:deadline) { throw 'no connection to Exchange came about in time' }
            Start-Sleep -Milliseconds 20
        }
        $came = $runspace.RunspaceStateInfo
        if ([string] $came.State -eq 'Opened') { break }
        $runspace.CloseAsync()
        $what = if ($null -ne $connection) { 'the connection to Exchange' } else { 'a PowerShell session for its commands' }
        $why = if ($null -ne $came.Reason) { $came.Reason.GetBaseException().Message } else { "it is $($came.State), and no reason was given" }
        if ($isLast -or [datetime]::UtcNow.AddSeconds(1) -ge $script:deadline) { throw "$what did not open: $why" }
        Write-Verbose "$what did not open, and is tried once more: $why"
        Start-Sleep -Seconds 1
    }
    $script:runspaces[$Place] = $runspace
    if ($Place -eq 'exchange' -and $null -eq $connection) {
        $known = Get-Command -Name Get-ExchangeServer -ErrorAction SilentlyContinue
        if ([string] (FcProperty $known 'PSSnapIn') -ne '') {
            $null = FcCall -Command 'Add-PSSnapin' -Parameters @{ Name = [string] $known.PSSnapIn } -Place exchange
        }
    }
    $runspace
}

# One command in a runspace of its own, stopped when the section's time, or its own share of it, is over. With
# -KeepPartial (the section's name) what came until then counts, with an error in the list; without it the section
# ends. -One asks for the first object and takes none for an error. -Each gets the objects in pages, while they come, and
# nothing is returned: so a hundred thousand of them never stand in memory together.
function FcCall {
    param([string] $Command, [hashtable] $Parameters = @{}, [string] $Place = 'local', [int] $Seconds = 86400, [string] $KeepPartial = '', [switch] $One, [scriptblock] $Each)
    $left = [math]::Min(($script:deadline - [datetime]::UtcNow).TotalMilliseconds, $Seconds * 1000.0)
    if ($left -lt 1) { throw "$Command was not called: the time limit of its section was used up" }
    $runspace = FcRunspace $Place
    $shell = [System.Management.Automation.PowerShell]::Create()
    $shell.Runspace = $runspace
    $null = $shell.AddCommand($Command).AddParameters($Parameters).AddParameter('ErrorAction', 'Stop')
    $nothing = [System.Management.Automation.PSDataCollection[psobject]]::new()
    $nothing.Complete()
    $results = [System.Management.Automation.PSDataCollection[psobject]]::new()
    $running = $shell.BeginInvoke($nothing, $results)
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $came = 0
    do {
        $wait = $left - $watch.ElapsedMilliseconds
        if ($null -ne $Each) { $wait = [math]::Min($wait, 100) }
        $ended = $running.AsyncWaitHandle.WaitOne([int] [math]::Max($wait, 0))
        if ($null -ne $Each) {
            $page = $results.ReadAll()
            & $Each $page
            $came += $page.Count
            Write-Progress -Activity 'Collecting facts' -Status "$($script:section): $came objects of $Command"
        }
    } until ($ended -or $watch.ElapsedMilliseconds -ge $left)
    if ($ended) {
        try {
            $null = $shell.EndInvoke($running)
        } finally {
            $shell.Dispose()
        }
        if (-not $One) { return $results.ReadAll() }
        if ($results.Count -eq 0) { throw "$Command returned nothing" }
        return $results[0]
    }
    $stopping = $shell.BeginStop($null, $null)
    if (-not $stopping.AsyncWaitHandle.WaitOne(2000)) {
        $script:runspaces.Remove($Place)
        $runspace.CloseAsync()
    }
    if ($KeepPartial -eq '') { throw "$Command was stopped: it did not end in time" }
    FcFail $KeepPartial "$Command was stopped: it did not end in time; what came until then is kept"
    # Enumerating the collection itself would wait for a command that cannot be stopped.
    if ($null -eq $Each) { $results.ReadAll() }
}

# Windows and Exchange tell the build of a file by four numbers; its text form differs between them.
function FcBuild {
    param([string] $Path, [int] $Seconds = 86400)
    $version = (FcCall -Command 'Get-ItemProperty' -Parameters @{ LiteralPath = $Path } -Seconds $Seconds -One).VersionInfo
    '{0}.{1}.{2}.{3}' -f $version.FileMajorPart, $version.FileMinorPart, $version.FileBuildPart, $version.FilePrivatePart
}

# Posts the file; what may pass by itself (no answer, throttling, a fault of the server) is tried three times.
function FcUpload {
    param([uri] $Target, [byte[]] $Body, [hashtable] $Headers)
    if ($Target.Scheme -ne 'https' -and -not $Target.IsLoopback) { throw "UploadUri is '$($Target.Scheme)' to $($Target.Host): facts are posted over https only" }
    if ([int] [System.Net.ServicePointManager]::SecurityProtocol -ne 0) {
        [System.Net.ServicePointManager]::SecurityProtocol = [System.Net.ServicePointManager]::SecurityProtocol -bor [System.Net.SecurityProtocolType]::Tls12
    }
    foreach ($pause in 2, 5, 0) {
        try {
            $null = Invoke-RestMethod -Uri $Target -Method Post -Body $Body -ContentType 'application/json; charset=utf-8' -Headers $Headers -TimeoutSec 100 -UseBasicParsing
            return
        } catch {
            $status = [int] (FcProperty (FcProperty $_.Exception 'Response') 'StatusCode')
            if ($pause -eq 0 -or ($status -ge 400 -and $status -lt 500 -and $status -ne 408 -and $status -ne 429)) { throw }
            Write-Verbose "not posted yet: $(FcMessage $_)"
            Start-Sleep -Seconds $pause
        }
    }
}

# The file is written first and kept, and whatever became of the upload, warnings and verdict are printed.
function FcPublish {
    param([System.Collections.Specialized.OrderedDictionary] $Facts, [string] $Path, [string] $Uri, [string] $Bearer, [string] $FunctionKey)
    Write-Progress -Activity 'Collecting facts' -Completed
    foreach ($runspace in $script:runspaces.Values) { $runspace.Close() }
    $Facts['sections'] = $script:sections.ToArray()
    $Facts['errors'] = $script:errors.ToArray()
    $json = ConvertTo-Json -InputObject $Facts -Depth 12 -Compress
    $file = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
    [System.IO.File]::WriteAllText($file, $json)
    foreach ($failure in $script:errors) { Write-Warning "$($failure['section']): $($failure['message'])" }
    $refused = ''
    if ($Uri -ne '') {
        $headers = @{}
        if ($Bearer -ne '') { $headers['Authorization'] = "Bearer $Bearer" }
        if ($FunctionKey -ne '') { $headers['x-functions-key'] = $FunctionKey }
        try {
            FcUpload $Uri ([System.Text.Encoding]::UTF8.GetBytes($json)) $headers
            "posted to $(([uri] $Uri).Host)"
        } catch {
            $refused = FcMessage $_
        }
    }
    if ($script:errors.Count -eq 0) { "VERDICT complete: $file" } else { "VERDICT incomplete, $($script:errors.Count) errors: $file" }
    if ($refused -ne '') { throw "The file was not posted: $refused. It is kept: post $file later, or judge it with fieldcheck evaluate --facts." }
}

#endregion

$mostRemotes = 5000

# An endpoint of the log or of the command line: the port follows the last colon, and IPv6 stands in brackets.
function FcEndpoint {
    param([string] $Text)
    $at = $Text.LastIndexOf(':')
    if ($at -lt 1) { return $null }
    $port = 0
    if (-not [int]::TryParse($Text.Substring($at + 1), [ref] $port)) { return $null }
    $address = $Text.Substring(0, $at).Trim('[', ']')
    @{ address = (FcAddress $address); port = $port }
}

function FcAddress {
    param([string] $Text)
    $Text -replace '%.*$', '' -replace '^::ffff:(?=\d+\.)', ''
}

# Accounts that Exchange shows as text and Windows cannot turn into a SID; they are the same in every organization.
$exchangeAccounts = @{ 'Partner Servers' = 10; 'Hub Transport Servers' = 21; 'Edge Transport Servers' = 22; 'Externally Secured Servers' = 23; 'Legacy Exchange Servers' = 24 }

# Accounts go out as SIDs: names differ by language and say who somebody is.
function FcSid {
    param([object] $Account)
    $sid = [string] (FcProperty $Account 'SecurityIdentifier')
    if ($sid -eq '') { $sid = [string] $Account }
    if ($sid -match '^S-1-[0-9-]+$') { return $sid }
    if ($sid -match '^MS Exchange\\(.+)$' -and $exchangeAccounts.ContainsKey($Matches[1])) {
        return "S-1-9-1419165041-1139599005-3936102811-1022490595-$($exchangeAccounts[$Matches[1]])"
    }
    try {
        [System.Security.Principal.NTAccount]::new($sid).Translate([System.Security.Principal.SecurityIdentifier]).Value
    } catch {
        $null
    }
}

# Files whose name's hour (or day, on 2010) lies in the window, newest first. Of a plain and a compressed one of the same
# name the plain one is read.
function FcLogFiles {
    param([string] $Folder, [datetime] $From)
    $files = [System.Collections.Generic.SortedDictionary[string, string]]::new()
    $first = $From.ToString('yyyyMMddHH', [System.Globalization.CultureInfo]::InvariantCulture)
    foreach ($file in [System.IO.Directory]::GetFiles($Folder)) {
        if ([System.IO.Path]::GetFileName($file) -notmatch '^RECV(\d{8})(\d{2})?-(\d+)\.LOG(\.gz)?$') { continue }
        $hour = '23'
        if ($Matches.ContainsKey(2)) { $hour = $Matches[2] }
        if ([string]::CompareOrdinal($Matches[1] + $hour, $first) -lt 0) { continue }
        $key = $Matches[1] + $hour + $Matches[3].PadLeft(6, '0')
        if ($Matches.ContainsKey(4) -and $files.ContainsKey($key)) { continue }
        $files[$key] = $file
    }
    $names = @($files.Values)
    [array]::Reverse($names)
    $names
}

# A finished session goes into the counts of its connector, remote and local endpoint. Sessions of the server with itself,
# of Managed Availability and of the front end's outbound proxy (port 717) are no clients.
function FcCountSession {
    param([object[]] $Session, [System.Collections.IDictionary] $Counts, [System.Collections.IDictionary] $Greetings)
    if ($Session[6]) { return }
    $remote = FcEndpoint $Session[1]
    $local = FcEndpoint $Session[2]
    if ($null -eq $remote -or $null -eq $local) { return }
    if ($local['port'] -eq 717 -or $remote['address'] -eq '::1' -or $remote['address'] -like '127.*') { return }
    $key = $Session[0] + '|' + $remote['address'] + '|' + $Session[2]
    $count = $Counts[$key]
    if ($null -eq $count) {
        $count = @{ connector = $Session[0]; remote = $remote['address']; local = $local['address']; port = $local['port']; sessions = 0; mail = 0; probe = 0; any = 0 }
        $Counts[$key] = $count
    }
    $count['sessions'] += 1
    if ($Session[4]) { $count['mail'] += 1 } else { $count['probe'] += 1 }
    if ($Session[5]) { $count['any'] += 1 }
    if (-not $Session[4] -or $Session[3] -eq '') { return }
    $names = $Greetings[$remote['address']]
    if ($null -eq $names) {
        $names = [System.Collections.Generic.HashSet[string]]::new()
        $Greetings[$remote['address']] = $names
    }
    if ($names.Count -lt 1000) { $null = $names.Add($Session[3]) }
}

# Reads the receive log into counts per connector, remote and local endpoint. No address of a mail, no user and no greeting
# name is kept: greetings are counted, the rest is passed over.
function FcReadLog {
    param([string] $Folder, [datetime] $From)
    $counts = [System.Collections.Generic.Dictionary[string, object]]::new()
    $greetings = [System.Collections.Generic.Dictionary[string, object]]::new()
    $open = [System.Collections.Generic.Dictionary[string, object[]]]::new()
    $fromText = FcUtc $From
    $oldest = ''
    $newest = ''
    $files = 0
    $truncated = $false
    $comma = [char[]] @(',')
    $rows = 0
    foreach ($file in @(FcLogFiles $Folder $From)) {
        if ([datetime]::UtcNow -ge $script:deadline) { $truncated = $true; break }
        # The server still writes the newest file, so others must be let in for writing.
        $stream = [System.IO.File]::Open($file, 'Open', 'Read', 'ReadWrite, Delete')
        if ($file -like '*.gz') { $stream = [System.IO.Compression.GZipStream]::new($stream, [System.IO.Compression.CompressionMode]::Decompress) }
        $reader = [System.IO.StreamReader]::new($stream, [System.Text.Encoding]::GetEncoding(28591), $true)
        try {
            while ($null -ne ($line = $reader.ReadLine())) {
                $rows += 1
                if (($rows -band 4095) -eq 0 -and [datetime]::UtcNow -ge $script:deadline) { $truncated = $true; break }
                if ($line.Length -eq 0) { continue }
                if ($line[0] -eq '#') {
                    if ($line.StartsWith('#Log-type:', 'OrdinalIgnoreCase') -and $line -notmatch 'receive') {
                        throw "$([System.IO.Path]::GetFileName($file)) is no receive log: $($line.TrimStart('#'))"
                    }
                    if ($line.StartsWith('#Fields:') -and -not $line.StartsWith('#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data')) {
                        throw "$([System.IO.Path]::GetFileName($file)) has other columns than a receive log"
                    }
                    continue
                }
                $field = $line.Split($comma, 8)
                # The last row of a file may be cut, and a connector's name with a comma would shift the columns.
                if ($field.Length -lt 8 -or $field[6].Length -ne 1) { continue }
                $what = $field[6]
                # What the server says is half of the rows and tells nothing about the client.
                if ($what -eq '>' -or [string]::CompareOrdinal($field[0], $fromText) -lt 0) { continue }
                if ($oldest -eq '' -or [string]::CompareOrdinal($field[0], $oldest) -lt 0) { $oldest = $field[0] }
                if ([string]::CompareOrdinal($field[0], $newest) -gt 0) { $newest = $field[0] }
                $key = $field[1] + '|' + $field[2]
                $session = $null
                if (-not $open.TryGetValue($key, [ref] $session)) {
                    # connector, remote, local, greeting, mail, any recipient, managed availability, start seen, signed in, file of any recipient
                    $session = [object[]] @($field[1], '', '', '', $false, $false, $false, $false, $false, -1)
                    $open[$key] = $session
                }
                if ($field[5] -ne '') { $session[1] = $field[5]; $session[2] = $field[4] }
                if ($what -eq '+') {
                    $session[7] = $true
                } elseif ($what -eq '-') {
                    if ($session[7]) {
                        FcCountSession $session $counts $greetings
                        $null = $open.Remove($key)
                    }
                } else {
                    $data = $field[7].TrimStart('"')
                    if ($what -eq '<') {
                        if ($data.StartsWith('EHLO ', 'OrdinalIgnoreCase') -or $data.StartsWith('HELO ', 'OrdinalIgnoreCase')) {
                            $session[3] = $data.Substring(5).Split($comma, 2)[0].Trim('"', ' ').ToLowerInvariant()
                            if ($session[3].StartsWith('smtp.availability.')) { $session[6] = $true }
                        } elseif ($data.StartsWith('MAIL FROM', 'OrdinalIgnoreCase')) {
                            $session[4] = $true
                            if ($data -match '<(inboundproxy|HealthMailbox)') { $session[6] = $true }
                        } elseif ($data.StartsWith('AUTH', 'OrdinalIgnoreCase') -or $data.StartsWith('X-EXPS', 'OrdinalIgnoreCase')) {
                            $session[8] = $true
                            # Newer files are read first: what they granted came after this.
                            if ($session[9] -ne $files) { $session[5] = $false }
                        }
                    } elseif ($data.Contains('SMTPAcceptAnyRecipient') -and $data.EndsWith('Set Session Permissions')) {
                        # Rights after signing in are those of an account: no relaying.
                        if (-not $session[8]) { $session[5] = $true; $session[9] = $files }
                    } elseif ($data.Contains('HealthMailbox')) {
                        $session[6] = $true
                    }
                }
            }
        } finally {
            $reader.Dispose()
        }
        $files += 1
    }
    foreach ($session in $open.Values) { FcCountSession $session $counts $greetings }
    if ($files -eq 0) { throw "no receive log of the last $LogHours hours in this folder: is protocol logging on?" }
    # A server on the internet meets tens of thousands of scanners; those with the most sessions tell all there is to tell.
    $remotes = @($counts.Values)
    if ($remotes.Count -gt $mostRemotes) {
        $sizes = [int[]] @($remotes | ForEach-Object { $_['sessions'] })
        [array]::Sort($sizes)
        $least = $sizes[$sizes.Length - $mostRemotes]
        $kept = @($remotes | Where-Object { $_['sessions'] -gt $least }) + @($remotes | Where-Object { $_['sessions'] -eq $least })
        $remotes = $kept[0..($mostRemotes - 1)]
        $truncated = $true
    }
    $summary = [ordered] @{ from = $oldest; to = $newest; files = $files; truncated = $truncated; byRemote = @() }
    $summary['byRemote'] = @(foreach ($count in $remotes) {
        $names = $greetings[$count['remote']]
        $ehloNames = 0
        if ($null -ne $names) { $ehloNames = $names.Count }
        [ordered] @{
            connector = $count['connector']; remoteIp = $count['remote']; localIps = @($count['local']); localPort = $count['port']; sessions = $count['sessions']
            mailSessions = $count['mail']; probeSessions = $count['probe']; ehloNames = $ehloNames; anyRecipientSessions = $count['any']
        }
    })
    $summary
}

# One reply of an SMTP server: lines "250-..." up to the first "250 ...".
function FcReadReply {
    param([System.IO.StreamReader] $Reader)
    $first = $Reader.ReadLine()
    if ($null -eq $first) { throw 'the connection was closed before an answer' }
    $line = $first
    while ($line -match '^\d{3}-') {
        $line = $Reader.ReadLine()
        if ($null -eq $line) { throw 'the connection was closed within an answer' }
    }
    $first
}

# Greets one server and takes leave: EHLO and QUIT, never a mail.
function FcProbe {
    param([string] $Target, [string] $Via)
    $probe = [ordered] @{ target = $Target; via = $Via; at = (FcUtc ([datetime]::UtcNow)); sourceIp = ''; banner = ''; helloIp = ''; elapsedMs = 0; error = $null }
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $client = $null
    try {
        if ([datetime]::UtcNow -ge $script:deadline) { throw 'not probed: the time limit of the section was used up' }
        $endpoint = FcEndpoint $Target
        if ($null -eq $endpoint) { throw "'$Target' is not ADDRESS:PORT" }
        $address = [System.Net.IPAddress]::Parse($endpoint['address'])
        $client = [System.Net.Sockets.TcpClient]::new($address.AddressFamily)
        $client.ReceiveTimeout = 15000
        $connecting = $client.BeginConnect($address, $endpoint['port'], $null, $null)
        if (-not $connecting.AsyncWaitHandle.WaitOne(15000)) { throw 'no connection within 15 s' }
        $client.EndConnect($connecting)
        $probe['sourceIp'] = FcAddress ([string] $client.Client.LocalEndPoint.Address)
        $stream = $client.GetStream()
        $reader = [System.IO.StreamReader]::new($stream, [System.Text.Encoding]::ASCII)
        $probe['banner'] = FcReadReply $reader
        $greeting = [System.Text.Encoding]::ASCII.GetBytes("EHLO fieldcheck.invalid`r`n")
        $stream.Write($greeting, 0, $greeting.Length)
        $hello = FcReadReply $reader
        if ($hello -match '^250[- ]\s?\S+ Hello \[([^\]]+)\]') { $probe['helloIp'] = FcAddress $Matches[1] }
        if ($hello -notmatch '^250') { $probe['error'] = "EHLO was answered with $hello" }
        $leave = [System.Text.Encoding]::ASCII.GetBytes("QUIT`r`n")
        $stream.Write($leave, 0, $leave.Length)
        $null = FcReadReply $reader
    } catch {
        # A server that hangs up on QUIT has said what we came for.
        if ($probe['helloIp'] -eq '') { $probe['error'] = FcMessage $_ }
    } finally {
        if ($null -ne $client) { $client.Close() }
    }
    $probe['elapsedMs'] = [int] $watch.ElapsedMilliseconds
    $probe
}

$facts = [ordered] @{
    schema = 'smtp-source-ip/1'
    collectedAt = FcUtc ([datetime]::UtcNow)
    collector = [ordered] @{ version = '1.2.0'; psVersion = [string] $PSVersionTable['PSVersion'] }
    host = [ordered] @{ name = $env:COMPUTERNAME; os = ''; build = '' }
}
$node = $env:COMPUTERNAME
$guids = @{}
$ownAddresses = @()
$firewall = [ordered] @{}
$exchange = [ordered] @{}

if (-not $ProbeOnly) {
    FcSection -Name 'host' -Seconds $SectionSeconds -Gather {
        $windows = FcCall -Command 'Get-ItemProperty' -Parameters @{ LiteralPath = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' } -One
        $facts['host']['os'] = FcText $windows 'ProductName'
        $facts['host']['build'] = "$(FcText $windows 'CurrentBuild').$(FcText $windows 'UBR')"
    }

    FcSection -Name 'adapters' -Seconds $SectionSeconds -Gather {
        $facts['adapters'] = @(foreach ($row in FcCall -Command 'Get-NetAdapter') {
            $guids[(FcText $row 'Name')] = FcText $row 'InterfaceGuid'
            [ordered] @{
                name = FcText $row 'Name'; interfaceDescription = FcText $row 'InterfaceDescription'; interfaceGuid = FcText $row 'InterfaceGuid'
                ifIndex = FcNumber $row 'ifIndex'; status = FcText $row 'Status'; componentId = FcText $row 'ComponentID'; pnpDeviceId = FcText $row 'PnPDeviceID'
            }
        })
    }

    FcSection -Name 'bindings' -Seconds $SectionSeconds -Gather {
        $facts['bindings'] = @(foreach ($row in FcCall -Command 'Get-NetAdapterBinding') {
            [ordered] @{ name = FcText $row 'Name'; componentId = FcText $row 'ComponentID'; enabled = FcTruth $row 'Enabled' }
        })
    }

    FcSection -Name 'ipInterfaces' -Seconds $SectionSeconds -Gather {
        $stores = [ordered] @{ active = 'ActiveStore'; persistent = 'PersistentStore' }
        $facts['ipInterfaces'] = @(foreach ($store in $stores.Keys) {
            foreach ($row in FcCall -Command 'Get-NetIPInterface' -Parameters @{ PolicyStore = $stores[$store] }) {
                $alias = FcText $row 'InterfaceAlias'
                [ordered] @{
                    alias = $alias; guid = [string] $guids[$alias]; addressFamily = FcText $row 'AddressFamily'; store = $store
                    interfaceMetric = FcNumber $row 'InterfaceMetric'; automaticMetric = FcText $row 'AutomaticMetric'
                    weakHostSend = FcText $row 'WeakHostSend'; weakHostReceive = FcText $row 'WeakHostReceive'
                    dhcp = FcText $row 'Dhcp'; dadTransmits = FcNumber $row 'DadTransmits'
                }
            }
        })
    }

    FcSection -Name 'ipAddresses' -Seconds $SectionSeconds -Gather {
        $facts['ipAddresses'] = @(foreach ($row in FcCall -Command 'Get-NetIPAddress') {
            [ordered] @{
                alias = FcText $row 'InterfaceAlias'; ipAddress = FcText $row 'IPAddress'; prefixLength = FcNumber $row 'PrefixLength'
                addressState = FcText $row 'AddressState'; skipAsSource = FcTruth $row 'SkipAsSource'
            }
        })
        $script:ownAddresses = @($facts['ipAddresses'] | ForEach-Object { FcAddress $_['ipAddress'] })
    }

    FcSection -Name 'routes' -Seconds $SectionSeconds -Gather {
        $facts['routes'] = @(foreach ($row in FcCall -Command 'Get-NetRoute') {
            [ordered] @{
                prefix = FcText $row 'DestinationPrefix'; nextHop = FcText $row 'NextHop'; alias = FcText $row 'InterfaceAlias'
                routeMetric = FcNumber $row 'RouteMetric'; interfaceMetric = FcNumber $row 'InterfaceMetric'
            }
        })
    }

    FcSection -Name 'neighbors' -Seconds $SectionSeconds -Gather {
        $facts['neighbors'] = @(foreach ($row in FcCall -Command 'Get-NetNeighbor') {
            [ordered] @{
                alias = FcText $row 'InterfaceAlias'; ipAddress = FcText $row 'IPAddress'
                linkLayerAddress = FcText $row 'LinkLayerAddress'; state = FcText $row 'State'
            }
        })
    }

    FcSection -Name 'netbios' -Seconds $SectionSeconds -Gather {
        $path = 'HKLM:\SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces\Tcpip_*'
        $facts['netbios'] = @(foreach ($row in FcCall -Command 'Get-ItemProperty' -Parameters @{ Path = $path }) {
            [ordered] @{ guid = (FcText $row 'PSChildName') -replace '^Tcpip_', ''; option = FcNumber $row 'NetbiosOptions'; source = 'registry' }
        })
    }

    FcSection -Name 'dnsClients' -Seconds $SectionSeconds -Gather {
        $servers = @(FcCall -Command 'Get-DnsClientServerAddress')
        $facts['dnsClients'] = @(foreach ($row in FcCall -Command 'Get-DnsClient') {
            $alias = FcText $row 'InterfaceAlias'
            [ordered] @{
                alias = $alias; registers = FcTruth $row 'RegisterThisConnectionsAddress'
                servers = @($servers | Where-Object { $_.InterfaceAlias -eq $alias } | ForEach-Object { FcTexts $_ 'ServerAddresses' })
            }
        })
    }

    FcSection -Name 'dnsAnswers' -Seconds $SectionSeconds -Gather {
        $computer = [System.Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
        $name = "$node.$($computer.DomainName)".TrimEnd('.')
        $rows = @(FcCall -Command 'Resolve-DnsName' -Parameters @{ Name = $name; DnsOnly = $true })
        $facts['dnsAnswers'] = @([ordered] @{ name = $name; addresses = @($rows | ForEach-Object { FcTexts $_ 'IPAddress' }) })
    }

    FcSection -Name 'firewall.profiles' -Seconds $SectionSeconds -Gather {
        $rows = @(FcCall -Command 'Get-NetFirewallProfile' -Parameters @{ PolicyStore = 'ActiveStore' })
        $firewall['profiles'] = @(foreach ($row in $rows) {
            [ordered] @{
                name = FcText $row 'Name'; enabled = FcText $row 'Enabled'; defaultInbound = FcText $row 'DefaultInboundAction'
                disabledAliases = @(FcTexts $row 'DisabledInterfaceAliases' | Where-Object { $_ -ne 'NotConfigured' })
            }
        })
    }

    FcSection -Name 'firewall.connectionProfiles' -Seconds $SectionSeconds -Gather {
        $rows = @(FcCall -Command 'Get-NetConnectionProfile')
        $firewall['connectionProfiles'] = @(foreach ($row in $rows) {
            [ordered] @{ alias = FcText $row 'InterfaceAlias'; category = FcText $row 'NetworkCategory' }
        })
    }

    # Five bulk reads joined by InstanceID: a look-up per rule takes minutes on a real server.
    FcSection -Name 'firewall.inbound' -Seconds $SectionSeconds -Gather {
        $ports = @{}
        foreach ($row in FcCall -Command 'Get-NetFirewallPortFilter' -Parameters @{ PolicyStore = 'ActiveStore' }) {
            if (@('TCP', '6', 'Any') -contains (FcText $row 'Protocol')) { $ports[(FcText $row 'InstanceID')] = @(FcTexts $row 'LocalPort') }
        }
        $interfaces = @{}
        foreach ($row in FcCall -Command 'Get-NetFirewallInterfaceFilter' -Parameters @{ PolicyStore = 'ActiveStore' }) {
            $interfaces[(FcText $row 'InstanceID')] = @(FcTexts $row 'InterfaceAlias')
        }
        $programs = @{}
        foreach ($row in FcCall -Command 'Get-NetFirewallApplicationFilter' -Parameters @{ PolicyStore = 'ActiveStore' }) {
            if ((FcText $row 'Package') -eq '' -and (FcText $row 'Program') -match '^(Any|System)$|\\(MSExchangeFrontendTransport|EdgeTransport)\.exe$') { $programs[(FcText $row 'InstanceID')] = $true }
        }
        $anybody = @{}
        foreach ($row in FcCall -Command 'Get-NetFirewallAddressFilter' -Parameters @{ PolicyStore = 'ActiveStore' }) {
            if ((FcText $row 'LocalAddress') -eq 'Any' -and (FcText $row 'RemoteAddress') -eq 'Any') { $anybody[(FcText $row 'InstanceID')] = $true }
        }
        $rows = @(FcCall -Command 'Get-NetFirewallRule' -Parameters @{ PolicyStore = 'ActiveStore'; Direction = 'Inbound'; Enabled = 'True' })
        $firewall['inbound'] = @(foreach ($row in $rows) {
            $id = FcText $row 'InstanceID'
            if (-not ($ports.ContainsKey($id) -and $programs.ContainsKey($id) -and $anybody.ContainsKey($id))) { continue }
            [ordered] @{
                profile = FcText $row 'Profile'; action = FcText $row 'Action'; enabled = FcTruth $row 'Enabled'
                localPorts = $ports[$id]; interfaces = @(foreach ($name in $interfaces[$id]) { if ($null -ne $name -and $name -ne 'Any') { $name } })
            }
        })
    }

    if ($firewall.Count -gt 0) { $facts['firewall'] = $firewall }

    FcSection -Name 'exchange.version' -Seconds $SectionSeconds -Gather {
        $setup = FcCall -Command 'Get-ItemProperty' -Parameters @{ LiteralPath = 'HKLM:\SOFTWARE\Microsoft\ExchangeServer\v15\Setup' } -One
        $exchange['version'] = FcBuild "$((FcText $setup 'MsiInstallPath').TrimEnd('\'))\Bin\ExSetup.exe"
    }

    FcSection -Name 'exchange.receiveConnectors' -Seconds $SectionSeconds -Gather {
        $exchange['receiveConnectors'] = @(foreach ($row in FcCall -Command 'Get-ReceiveConnector' -Parameters @{ Server = $node } -Place exchange) {
            [ordered] @{
                identity = FcText $row 'Identity'; dn = FcText $row 'DistinguishedName'; enabled = FcTruth $row 'Enabled'; transportRole = FcText $row 'TransportRole'
                bindings = @(FcTexts $row 'Bindings'); remoteIPRanges = @(FcTexts $row 'RemoteIPRanges')
                permissionGroups = FcText $row 'PermissionGroups'; authMechanism = FcText $row 'AuthMechanism'
                protocolLoggingLevel = FcText $row 'ProtocolLoggingLevel'; fqdn = FcText $row 'Fqdn'
                maxInboundConnectionPerSource = FcText $row 'MaxInboundConnectionPerSource'
                maxInboundConnectionPercentagePerSource = FcNumber $row 'MaxInboundConnectionPercentagePerSource'
                whenChangedUtc = FcTime $row 'WhenChangedUTC'
            }
        })
    }

    FcSection -Name 'exchange.adPermissions' -Seconds $SectionSeconds -Gather {
        if (-not $exchange.Contains('receiveConnectors')) { throw 'not read: the receive connectors are not known' }
        $nameless = 0
        $permissions = @(foreach ($connector in $exchange['receiveConnectors']) {
            foreach ($row in FcCall -Command 'Get-ADPermission' -Parameters @{ Identity = $connector['dn'] } -Place exchange) {
                $named = @(FcTexts $row 'ExtendedRights')
                $rights = @($named | Where-Object { $_ -like 'ms-Exch-SMTP-*' })
                # Full control, or all extended rights where none is named, holds every one of them.
                $access = @(FcTexts $row 'AccessRights' | Where-Object { $_ -match 'GenericAll' -or ($_ -match 'ExtendedRight' -and $named.Count -eq 0) })
                if ($rights.Count + $access.Count -eq 0) { continue }
                $sid = FcSid (FcProperty $row 'User')
                if ($null -eq $sid) { $nameless += 1; continue }
                [ordered] @{
                    connector = $connector['identity']; sid = $sid; extendedRights = $rights; accessRights = $access
                    deny = FcTruth $row 'Deny'; inherited = FcTruth $row 'IsInherited'
                }
            }
        })
        $exchange['adPermissions'] = $permissions
        if ($nameless -gt 0) { throw "$nameless permissions name an account that could not be turned into a SID; they are left out" }
    }

    FcSection -Name 'exchange.frontendTransport' -Seconds $SectionSeconds -Gather {
        # Edge Transport servers have no front end: the transport service listens to the world itself.
        $roles = @()
        if ($exchange.Contains('receiveConnectors')) { $roles = @($exchange['receiveConnectors'] | ForEach-Object { $_['transportRole'] }) }
        $parameters = @{ Identity = $node }
        if ($roles.Count -gt 0 -and @($roles | Where-Object { $_ -match 'Frontend' }).Count -eq 0) {
            $row = FcCall -Command 'Get-TransportService' -Parameters $parameters -Place exchange -One
        } else {
            $row = FcCall -Command 'Get-FrontendTransportService' -Parameters $parameters -Place exchange -One
        }
        # Sizes read "250 MB (262,144,000 bytes)", with the separators of the server's language.
        $exchange['frontendTransport'] = [ordered] @{
            receiveProtocolLogPath = FcText $row 'ReceiveProtocolLogPath'; maxAge = FcText $row 'ReceiveProtocolLogMaxAge'
            maxDirectorySize = (FcText $row 'ReceiveProtocolLogMaxDirectorySize') -replace ' \(.*$', ''
            maxFileSize = (FcText $row 'ReceiveProtocolLogMaxFileSize') -replace ' \(.*$', ''
        }
    }

    # Many servers have the command, and it throws where there is no cluster: only members of a database availability group have one.
    FcSection -Name 'clusterNetworks' -Seconds $SectionSeconds -Gather {
        $group = $null
        if ($null -ne (Get-Command -Name Get-ClusterNetwork -ErrorAction SilentlyContinue)) {
            $group = FcText (FcCall -Command 'Get-MailboxServer' -Parameters @{ Identity = $node } -Place exchange -One) 'DatabaseAvailabilityGroup'
        }
        $facts['clusterNetworks'] = @(if ([string] $group -ne '') {
            foreach ($row in FcCall -Command 'Get-ClusterNetwork') {
                [ordered] @{ name = FcText $row 'Name'; role = FcText $row 'Role'; address = FcText $row 'Address'; mask = FcText $row 'AddressMask' }
            }
        })
    }

    if ($exchange.Count -gt 0) { $facts['exchange'] = $exchange }

    FcSection -Name 'logSummary' -Seconds $LogSeconds -Gather {
        $folder = $LogPath
        if ($folder -eq '' -and $exchange.Contains('frontendTransport')) { $folder = $exchange['frontendTransport']['receiveProtocolLogPath'] }
        if ($folder -eq '') { throw 'not read: the folder of the receive log is not known; name it with -LogPath' }
        $facts['logSummary'] = FcReadLog $folder ([datetime]::UtcNow.AddHours(-$LogHours))
    }
}

if ($ProbeVip.Count + $ProbeNode.Count -gt 0) {
    FcSection -Name 'probes' -Seconds $SectionSeconds -Gather {
        $facts['probes'] = @(
            foreach ($target in $ProbeVip) {
                $endpoint = FcEndpoint $target
                # With Direct Server Return a node owns the VIP: it would greet itself and never pass the load balancer.
                if ($null -ne $endpoint -and $ownAddresses -contains $endpoint['address']) {
                    FcFail 'probes' "$target is an address of this node: probe it from a server that is no node of the service, with -ProbeOnly"
                    continue
                }
                foreach ($try in 1..$ProbeTries) { FcProbe $target 'vip' }
            }
            foreach ($target in $ProbeNode) {
                $parts = $target.Split([char[]] @('='), 2)
                if ($parts.Length -lt 2) { FcFail 'probes' "'$target' is not NODE=ADDRESS:PORT"; continue }
                FcProbe $parts[1] "node:$($parts[0])"
            }
        )
    }
}

FcPublish -Facts $facts -Path $OutputPath -Uri $UploadUri -Bearer ([string] $Key) -FunctionKey ([string] $FunctionKey)
