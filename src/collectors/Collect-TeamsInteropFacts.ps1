#requires -Version 5.1
<#
.SYNOPSIS
Collects what decides whether Microsoft Teams can work with mailboxes on Exchange servers into one JSON file. It changes nothing.

.DESCRIPTION
Run it in the Exchange Management Shell, and once more on the Entra Connect server; each run collects the part it
finds. What is read, what leaves the server and the shape of the file are described in README.md beside this script.

.PARAMETER OutputPath
The file to write. Default: teams-exchange-interop-SERVER.json in the current folder.

.PARAMETER Part
Exchange, EntraConnect or Both. Default (Auto): those whose commands this shell has.

.PARAMETER SectionSeconds
Time limit of every section, in seconds.

.PARAMETER MailboxSeconds
Time limit of the sections that read every mailbox, in seconds. What was read until then is kept and marked.

.PARAMETER SampleMailbox
Addresses of mailboxes whose calendar delegates are looked at. They leave the server as salted hashes.

.PARAMETER Salt
Salt of the hashes. Give the same text each time to compare runs; default: another one in every run. It is never written.

.PARAMETER OAuthTestMailbox
Address of an on-premises mailbox to test OAuth towards Exchange Online with. Without it the test is left out.

.PARAMETER UploadUri
The door to post the file to: https://HOST/api/organizations/ORGANIZATION/facts

.PARAMETER Key
Collector key of the organization (fck_...). Default: the environment variable FIELDCHECK_KEY.
.PARAMETER FunctionKey
Key of a function app that is older than keys of organizations. Default: the environment variable FIELDCHECK_FUNCTION_KEY.

.EXAMPLE
.\Collect-TeamsInteropFacts.ps1 -SampleMailbox adele@contoso.com -OutputPath C:\Facts\interop.json
#>
[CmdletBinding()]
param(
    [string] $OutputPath = "teams-exchange-interop-$env:COMPUTERNAME.json",
    [ValidateSet('Auto', 'Exchange', 'EntraConnect', 'Both')] [string] $Part = 'Auto',
    [ValidateRange(1, 3600)] [int] $SectionSeconds = 120,
    [ValidateRange(1, 14400)] [int] $MailboxSeconds = 900,
    [string[]] $SampleMailbox = @(),
    [string] $Salt = '',
    [string] $OAuthTestMailbox = '',
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

# One silent server must not use up the time of the others.
$secondsPerServer = 15

# What may be compared but not read: the first half of a salted SHA-256, in hex.
function FcHash {
    param([string] $Text)
    $sha = [System.Security.Cryptography.SHA256]::Create()
    $digest = $sha.ComputeHash([System.Text.Encoding]::UTF8.GetBytes($saltInUse + '|' + $Text.ToLowerInvariant()))
    $sha.Dispose()
    [System.BitConverter]::ToString($digest).Replace('-', '').Substring(0, 32).ToLowerInvariant()
}

function FcDomain {
    param([string] $Address)
    $at = $Address.LastIndexOf('@')
    if ($at -lt 0) { return '' }
    $Address.Substring($at + 1).ToLowerInvariant()
}

# The domain of the directory, from "child.contoso.local/Users".
function FcDirectoryDomain {
    param([object] $Mailbox)
    ((FcText $Mailbox 'OrganizationalUnit') -replace '/.*$', '').ToLowerInvariant()
}

function FcCount {
    param([System.Collections.IDictionary] $Counts, [string] $Name)
    if ($Name -ne '') { $Counts[$Name] = 1 + [int] $Counts[$Name] }
}

# A table of counts as a list, so that names are values and never keys.
function FcCounts {
    param([System.Collections.IDictionary] $Counts, [string] $Name)
    foreach ($key in $Counts.Keys) { [ordered] @{ $Name = $key; count = $Counts[$key] } }
}

# ExSetup.exe tells the security update, which the directory does not. It lies beside the server's data folder.
function FcExSetupPath {
    param([object] $Server)
    $bin = (FcText $Server 'DataPath') -replace '\\[^\\]+\\?$', '\Bin\ExSetup.exe'
    if ((FcText $Server 'Name') -eq $env:COMPUTERNAME) { return $bin }
    "\\$(FcText $Server 'Fqdn')\$($bin -replace '^([A-Za-z]):', '$1$')"
}

# Exchange 2010 and Edge Transport servers have no Auth certificate.
function FcHoldsAuthCertificate {
    param([object] $Server)
    (FcText $Server 'ServerRole') -notmatch 'Edge' -and (FcText $Server 'AdminDisplayVersion') -notmatch '^Version (\d|1[0-4])\.'
}

# Over remoting, which the Exchange Management Shell is, a certificate may be its raw data and no more, and its private
# key reads as missing whether it is there or not: then nobody knows.
function FcCertificate {
    param([object] $Row)
    $plain = $Row
    $raw = FcProperty $Row 'RawData'
    if ((FcText $Row 'Thumbprint') -eq '' -and $null -ne $raw) { $plain = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new([byte[]] $raw) }
    $key = FcTruth $Row 'HasPrivateKey'
    if ($key -eq $false -and @($Row.PSObject.TypeNames)[0] -like 'Deserialized.*') { $key = $null }
    [ordered] @{ thumbprint = FcText $plain 'Thumbprint'; subject = FcText $plain 'Subject'; status = FcText $Row 'Status'; hasPrivateKey = $key; notAfter = FcTime $plain 'NotAfter' }
}

function FcEwsPolicy {
    param([object] $Row)
    [ordered] @{
        ewsEnabled = FcTruth $Row 'EwsEnabled'; ewsApplicationAccessPolicy = FcText $Row 'EwsApplicationAccessPolicy'
        ewsAllowList = @(FcTexts $Row 'EwsAllowList'); ewsBlockList = @(FcTexts $Row 'EwsBlockList')
    }
}

# What somebody is called: permissions show the display name, the directory's own name may be another.
function FcNamesOf {
    param([string] $Identity)
    $Identity -replace '^.*/', ''
    try {
        $name = FcText (FcCall -Command 'Get-User' -Parameters @{ Identity = $Identity } -Place exchange -Seconds $secondsPerServer -One) 'DisplayName'
        if ($name -ne '') { $name }
    } catch {
        Write-Verbose "a display name was not read: $(FcMessage $_)"
    }
}

# The attributes that the Exchange hybrid option writes back, by object class.
$personAttributes = @('msDS-ExternalDirectoryObjectID', 'msExchArchiveStatus', 'msExchBlockedSendersHash', 'msExchSafeRecipientsHash',
    'msExchSafeSendersHash', 'msExchUCVoiceMailSettings', 'msExchUserHoldPolicies', 'proxyAddresses', 'publicDelegates')
$writebackClasses = [ordered] @{ user = $personAttributes; inetOrgPerson = $personAttributes; group = @('proxyAddresses'); contact = @('proxyAddresses') }

# Does one of the account's entries on the domain root let it write this attribute of this class below?
function FcMayWrite {
    param([object[]] $Entries, [string[]] $AttributeIds, [string] $ClassId)
    $all = '00000000-0000-0000-0000-000000000000'
    $allowed = $false
    foreach ($entry in $Entries) {
        if ((FcText $entry 'InheritanceType') -eq 'None' -or (FcText $entry 'ActiveDirectoryRights') -notmatch 'WriteProperty|GenericWrite|GenericAll') { continue }
        if (@($all, $ClassId) -notcontains (FcText $entry 'InheritedObjectType') -or (@($all) + $AttributeIds) -notcontains (FcText $entry 'ObjectType')) { continue }
        if ((FcText $entry 'AccessControlType') -eq 'Deny') { return $false }
        $allowed = $true
    }
    $allowed
}

$saltInUse = $Salt
if ($saltInUse -eq '') { $saltInUse = [guid]::NewGuid().ToString() }
$hasExchange = $Part -eq 'Exchange' -or $Part -eq 'Both' -or ($Part -eq 'Auto' -and $null -ne (Get-Command -Name Get-ExchangeServer -ErrorAction SilentlyContinue))
$hasEntraConnect = $Part -eq 'EntraConnect' -or $Part -eq 'Both' -or ($Part -eq 'Auto' -and $null -ne (Get-Command -Name Get-ADSyncGlobalSettings -ErrorAction SilentlyContinue))
if (-not $hasExchange -and -not $hasEntraConnect) {
    throw 'This shell has neither Get-ExchangeServer nor Get-ADSyncGlobalSettings: run the script in the Exchange Management Shell or on the Entra Connect server.'
}

$facts = [ordered] @{
    schema = 'teams-exchange-interop/1'
    collectedAt = FcUtc ([datetime]::UtcNow)
    collector = [ordered] @{ version = '1.1.0'; psVersion = [string] $PSVersionTable['PSVersion'] }
    host = [ordered] @{ name = $env:COMPUTERNAME }
    parts = @(if ($hasExchange) { 'exchange' }; if ($hasEntraConnect) { 'entraConnect' })
}

if ($hasExchange) {
    $exchange = [ordered] @{}
    $facts['exchange'] = $exchange
    $servers = @()
    $directoryDomains = @{}

    # Recipient commands see the domain of the Exchange servers only. This widens the script's own session and nothing else.
    $exchange['scope'] = [ordered] @{ entireForest = $false }
    FcSection -Name 'exchange.scope' -Seconds $SectionSeconds -Gather {
        $null = FcCall -Command 'Set-ADServerSettings' -Parameters @{ ViewEntireForest = $true } -Place exchange
        $exchange['scope']['entireForest'] = $true
    }

    FcSection -Name 'exchange.servers' -Seconds $SectionSeconds -Gather {
        $script:servers = @(FcCall -Command 'Get-ExchangeServer' -Place exchange)
        $exchange['servers'] = @(foreach ($row in $servers) {
            [ordered] @{
                name = FcText $row 'Name'; fqdn = FcText $row 'Fqdn'; adminDisplayVersion = FcText $row 'AdminDisplayVersion'
                serverRole = FcText $row 'ServerRole'; site = (FcText $row 'Site') -replace '^.*/', ''; edition = FcText $row 'Edition'
            }
        })
    }

    FcSection -Name 'exchange.builds' -Seconds $SectionSeconds -Gather {
        if (-not $exchange.Contains('servers')) { throw 'not read: the servers are not known' }
        $exchange['builds'] = @(foreach ($row in $servers) {
            $name = FcText $row 'Name'
            try {
                [ordered] @{ server = $name; build = (FcBuild (FcExSetupPath $row) $secondsPerServer) }
            } catch {
                FcFail 'exchange.builds' "${name}: $(FcMessage $_)"
            }
        })
    }

    FcSection -Name 'exchange.mailboxes' -Seconds $MailboxSeconds -Gather {
        if (-not $exchange.Contains('servers')) { throw 'not read: the servers are not known' }
        $domains = [ordered] @{}
        $byServer = @(foreach ($row in $servers) {
            if ((FcText $row 'ServerRole') -notmatch 'Mailbox') { continue }
            $name = FcText $row 'Name'
            $failures = $script:errors.Count
            try {
                $counted = @{ mailboxes = 0 }
                FcCall -Command 'Get-Mailbox' -Parameters @{ Server = $name; ResultSize = 'Unlimited' } -Place exchange -KeepPartial 'exchange.mailboxes' -Each {
                    foreach ($mailbox in $args[0]) {
                        $counted['mailboxes'] += 1
                        FcCount $domains (FcDomain (FcText $mailbox 'PrimarySmtpAddress'))
                        FcCount $directoryDomains (FcDirectoryDomain $mailbox)
                    }
                }
                [ordered] @{ server = $name; count = $counted['mailboxes']; truncated = ($script:errors.Count -gt $failures) }
            } catch {
                FcFail 'exchange.mailboxes' "${name}: $(FcMessage $_)"
            }
        })
        $exchange['mailboxes'] = [ordered] @{ byServer = $byServer; byDomain = @(FcCounts $domains 'domain') }
    }

    # A domain of the forest that cannot be read is named: what stands in it was not looked at, and is not "none".
    FcSection -Name 'exchange.forest' -Seconds $SectionSeconds -Gather {
        $notLookedAt = [System.Collections.Generic.List[object]]::new()
        $rows = @(foreach ($domain in @(FcTexts (FcCall -Command 'Get-ADForest' -One) 'Domains')) {
            try {
                $null = FcCall -Command 'Get-Mailbox' -Parameters @{ OrganizationalUnit = $domain; ResultSize = 1 } -Place exchange -Seconds $secondsPerServer
                [ordered] @{ domain = $domain.ToLowerInvariant(); mailboxes = [int] $directoryDomains[$domain.ToLowerInvariant()] }
            } catch {
                $notLookedAt.Add($domain.ToLowerInvariant())
                FcFail 'exchange.forest' "${domain}: $(FcMessage $_)"
            }
        })
        $exchange['forest'] = [ordered] @{ domains = $rows; notLookedAt = $notLookedAt.ToArray() }
    }

    FcSection -Name 'exchange.remoteMailboxes' -Seconds $MailboxSeconds -Gather {
        $domains = [ordered] @{}
        $counted = @{ mailboxes = 0 }
        $failures = $script:errors.Count
        FcCall -Command 'Get-RemoteMailbox' -Parameters @{ ResultSize = 'Unlimited' } -Place exchange -KeepPartial 'exchange.remoteMailboxes' -Each {
            foreach ($mailbox in $args[0]) {
                $counted['mailboxes'] += 1
                FcCount $domains (FcDomain (FcText $mailbox 'RemoteRoutingAddress'))
            }
        }
        $exchange['remoteMailboxes'] = [ordered] @{
            count = $counted['mailboxes']; truncated = ($script:errors.Count -gt $failures); byRoutingDomain = @(FcCounts $domains 'domain')
        }
    }

    FcSection -Name 'exchange.acceptedDomains' -Seconds $SectionSeconds -Gather {
        $exchange['acceptedDomains'] = @(foreach ($row in FcCall -Command 'Get-AcceptedDomain' -Place exchange) {
            [ordered] @{ domain = (FcText $row 'DomainName').ToLowerInvariant(); type = FcText $row 'DomainType'; default = FcTruth $row 'Default' }
        })
    }

    FcSection -Name 'exchange.webServicesVirtualDirectories' -Seconds $SectionSeconds -Gather {
        $exchange['webServicesVirtualDirectories'] = @(foreach ($row in FcCall -Command 'Get-WebServicesVirtualDirectory' -Parameters @{ ADPropertiesOnly = $true } -Place exchange) {
            [ordered] @{
                server = FcText $row 'Server'; name = FcText $row 'Name'; internalUrl = FcText $row 'InternalUrl'; externalUrl = FcText $row 'ExternalUrl'
                internalNlbBypassUrl = FcText $row 'InternalNLBBypassUrl'; oauth = FcTruth $row 'OAuthAuthentication'; wsSecurity = FcTruth $row 'WSSecurityAuthentication'
                windows = FcTruth $row 'WindowsAuthentication'; basic = FcTruth $row 'BasicAuthentication'; mrsProxy = FcTruth $row 'MRSProxyEnabled'
            }
        })
    }

    FcSection -Name 'exchange.autodiscoverVirtualDirectories' -Seconds $SectionSeconds -Gather {
        $exchange['autodiscoverVirtualDirectories'] = @(foreach ($row in FcCall -Command 'Get-AutodiscoverVirtualDirectory' -Parameters @{ ADPropertiesOnly = $true } -Place exchange) {
            [ordered] @{
                server = FcText $row 'Server'; name = FcText $row 'Name'; oauth = FcTruth $row 'OAuthAuthentication'; wsSecurity = FcTruth $row 'WSSecurityAuthentication'
                windows = FcTruth $row 'WindowsAuthentication'; basic = FcTruth $row 'BasicAuthentication'
            }
        })
    }

    FcSection -Name 'exchange.clientAccessServices' -Seconds $SectionSeconds -Gather {
        $exchange['clientAccessServices'] = @(foreach ($row in FcCall -Command 'Get-ClientAccessService' -Place exchange) {
            [ordered] @{ server = FcText $row 'Name'; autodiscoverServiceInternalUri = FcText $row 'AutoDiscoverServiceInternalUri' }
        })
    }

    FcSection -Name 'exchange.authServers' -Seconds $SectionSeconds -Gather {
        $exchange['authServers'] = @(foreach ($row in FcCall -Command 'Get-AuthServer' -Place exchange) {
            [ordered] @{
                name = FcText $row 'Name'; type = FcText $row 'Type'; enabled = FcTruth $row 'Enabled'; issuerIdentifier = FcText $row 'IssuerIdentifier'
                tokenIssuingEndpoint = FcText $row 'TokenIssuingEndpoint'; authMetadataUrl = FcText $row 'AuthMetadataUrl'
                isDefaultAuthorizationEndpoint = FcTruth $row 'IsDefaultAuthorizationEndpoint'; applicationIdentifier = FcText $row 'ApplicationIdentifier'
                realm = FcText $row 'Realm'; domainNames = @(FcTexts $row 'DomainName'); graphBaseUrl = FcText $row 'GraphBaseUrl'
            }
        })
    }

    FcSection -Name 'exchange.partnerApplications' -Seconds $SectionSeconds -Gather {
        $teamsScheduler = '7557eb47-c689-4224-abcf-aef9bd7573df'
        $exchange['partnerApplications'] = @(foreach ($row in FcCall -Command 'Get-PartnerApplication' -Place exchange) {
            $name = FcText $row 'Name'
            $application = FcText $row 'ApplicationIdentifier'
            $linked = FcText $row 'LinkedAccount'
            $account = $null
            if ($linked -ne '') {
                try {
                    $user = FcCall -Command 'Get-User' -Parameters @{ Identity = $linked } -Place exchange -One
                    $roles = @(FcCall -Command 'Get-ManagementRoleAssignment' -Parameters @{ RoleAssignee = $linked } -Place exchange | ForEach-Object { FcText $_ 'Role' })
                    $entries = @()
                    if ($application -eq $teamsScheduler) {
                        $entries = @(foreach ($role in $roles) {
                            FcCall -Command 'Get-ManagementRoleEntry' -Parameters @{ Identity = "$role\*" } -Place exchange | ForEach-Object { FcText $_ 'Name' }
                        })
                    }
                    $account = [ordered] @{ recipientTypeDetails = FcText $user 'RecipientTypeDetails'; roles = $roles; roleEntries = $entries }
                } catch {
                    FcFail 'exchange.partnerApplications' "linked account of ${name}: $(FcMessage $_)"
                }
            }
            [ordered] @{
                name = $name; applicationIdentifier = $application; enabled = FcTruth $row 'Enabled'; realm = FcText $row 'Realm'
                authMetadataUrl = FcText $row 'AuthMetadataUrl'; useAuthServer = FcTruth $row 'UseAuthServer'
                acceptSecurityIdentifierInformation = FcTruth $row 'AcceptSecurityIdentifierInformation'
                hasLinkedAccount = ($linked -ne ''); linkedAccount = $account
            }
        })
    }

    FcSection -Name 'exchange.authConfig' -Seconds $SectionSeconds -Gather {
        $row = FcCall -Command 'Get-AuthConfig' -Place exchange -One
        $exchange['authConfig'] = [ordered] @{
            currentCertificateThumbprint = FcText $row 'CurrentCertificateThumbprint'; previousCertificateThumbprint = FcText $row 'PreviousCertificateThumbprint'
            nextCertificateThumbprint = FcText $row 'NextCertificateThumbprint'; nextCertificateEffectiveDate = FcTime $row 'NextCertificateEffectiveDate'
            serviceName = FcText $row 'ServiceName'; realm = FcText $row 'Realm'
        }
    }

    FcSection -Name 'exchange.authCertificates' -Seconds $SectionSeconds -Gather {
        if (-not $exchange.Contains('servers')) { throw 'not read: the servers are not known' }
        if (-not $exchange.Contains('authConfig')) { throw 'not read: the thumbprints of the Auth certificate are not known' }
        $thumbprints = @($exchange['authConfig']['currentCertificateThumbprint'], $exchange['authConfig']['nextCertificateThumbprint'] | Where-Object { $_ -ne '' })
        $exchange['authCertificates'] = @(foreach ($row in $servers) {
            $name = FcText $row 'Name'
            if (-not (FcHoldsAuthCertificate $row)) { continue }
            try {
                $rows = @(FcCall -Command 'Get-ExchangeCertificate' -Parameters @{ Server = (FcText $row 'Fqdn') } -Place exchange -Seconds $secondsPerServer)
                $certificates = @(foreach ($one in $rows) { FcCertificate $one })
            } catch {
                FcFail 'exchange.authCertificates' "${name}: $(FcMessage $_)"
                continue
            }
            foreach ($thumbprint in $thumbprints) {
                $found = @($certificates | Where-Object { $_['thumbprint'] -eq $thumbprint })
                if ($found.Count -eq 0) {
                    [ordered] @{ server = $name; thumbprint = $thumbprint; present = $false; subject = ''; status = ''; hasPrivateKey = $null; notAfter = $null }
                } else {
                    [ordered] @{
                        server = $name; thumbprint = $thumbprint; present = $true; subject = $found[0]['subject']; status = $found[0]['status']
                        hasPrivateKey = $found[0]['hasPrivateKey']; notAfter = $found[0]['notAfter']
                    }
                }
            }
        })
    }

    FcSection -Name 'exchange.intraOrganizationConnectors' -Seconds $SectionSeconds -Gather {
        $exchange['intraOrganizationConnectors'] = @(foreach ($row in FcCall -Command 'Get-IntraOrganizationConnector' -Place exchange) {
            [ordered] @{
                name = FcText $row 'Name'; enabled = FcTruth $row 'Enabled'; targetAddressDomains = @(FcTexts $row 'TargetAddressDomains')
                discoveryEndpoint = FcText $row 'DiscoveryEndpoint'; targetSharingEpr = FcText $row 'TargetSharingEpr'
            }
        })
    }

    FcSection -Name 'exchange.organizationRelationships' -Seconds $SectionSeconds -Gather {
        $exchange['organizationRelationships'] = @(foreach ($row in FcCall -Command 'Get-OrganizationRelationship' -Place exchange) {
            [ordered] @{
                name = FcText $row 'Name'; enabled = FcTruth $row 'Enabled'; domainNames = @(FcTexts $row 'DomainNames')
                targetSharingEpr = FcText $row 'TargetSharingEpr'; targetAutodiscoverEpr = FcText $row 'TargetAutodiscoverEpr'
            }
        })
    }

    FcSection -Name 'exchange.hybridConfiguration' -Seconds $SectionSeconds -Gather {
        $rows = @(FcCall -Command 'Get-HybridConfiguration' -Place exchange)
        $exchange['hybridConfiguration'] = [ordered] @{ present = ($rows.Count -gt 0); features = @(); domains = @(); serviceInstance = ''; tlsCertificateName = '' }
        if ($rows.Count -gt 0) {
            $exchange['hybridConfiguration']['features'] = @(FcTexts $rows[0] 'Features')
            $exchange['hybridConfiguration']['domains'] = @(foreach ($domain in @(FcTexts $rows[0] 'Domains')) {
                [ordered] @{ domain = ($domain -replace '^autod:', '').ToLowerInvariant(); autodiscover = $domain -like 'autod:*' }
            })
            $exchange['hybridConfiguration']['serviceInstance'] = FcText $rows[0] 'ServiceInstance'
            $exchange['hybridConfiguration']['tlsCertificateName'] = FcText $rows[0] 'TlsCertificateName'
        }
    }

    FcSection -Name 'exchange.settingOverrides' -Seconds $SectionSeconds -Gather {
        $exchange['settingOverrides'] = @(foreach ($row in FcCall -Command 'Get-SettingOverride' -Place exchange) {
            [ordered] @{
                name = FcText $row 'Name'; component = FcText $row 'ComponentName'; section = FcText $row 'SectionName'
                parameters = @(FcTexts $row 'Parameters'); status = FcText $row 'Status'
            }
        })
    }

    FcSection -Name 'exchange.organizationConfig' -Seconds $SectionSeconds -Gather {
        $row = FcCall -Command 'Get-OrganizationConfig' -Place exchange -One
        $exchange['organizationConfig'] = [ordered] @{
            guid = FcText $row 'Guid'; ewsEnabled = FcTruth $row 'EwsEnabled'; ewsApplicationAccessPolicy = FcText $row 'EwsApplicationAccessPolicy'
            ewsAllowList = @(FcTexts $row 'EwsAllowList'); ewsBlockList = @(FcTexts $row 'EwsBlockList')
            oauth2ClientProfileEnabled = FcTruth $row 'OAuth2ClientProfileEnabled'
        }
    }

    # Policies of single mailboxes, counted by equal settings: nobody is named.
    FcSection -Name 'exchange.mailboxEwsPolicies' -Seconds $SectionSeconds -Gather {
        $sample = 1000
        $policies = [ordered] @{}
        $count = 0
        foreach ($row in FcCall -Command 'Get-CASMailbox' -Parameters @{ ResultSize = $sample } -Place exchange -KeepPartial 'exchange.mailboxEwsPolicies') {
            $count += 1
            $policy = FcEwsPolicy $row
            $key = (@([string] $policy['ewsEnabled'], $policy['ewsApplicationAccessPolicy']) + $policy['ewsAllowList'] + @('|') + $policy['ewsBlockList']) -join "`n"
            if (-not $policies.Contains($key)) {
                $policy['count'] = 0
                $policies[$key] = $policy
            }
            $policies[$key]['count'] += 1
        }
        $exchange['mailboxEwsPolicies'] = [ordered] @{ sampled = $count; truncated = ($count -ge $sample); policies = @($policies.Values) }
    }

    if ($OAuthTestMailbox -ne '') {
        FcSection -Name 'exchange.oauthTests' -Seconds $SectionSeconds -Gather {
            $target = 'https://outlook.office365.com/EWS/Exchange.asmx'
            $parameters = @{ Service = 'EWS'; TargetUri = $target; Mailbox = $OAuthTestMailbox }
            $exchange['oauthTests'] = @(foreach ($row in FcCall -Command 'Test-OAuthConnectivity' -Parameters $parameters -Place exchange) {
                # The detail holds tokens and names; which application signed is all that is needed of it.
                $application = ''
                if ((FcText $row 'Detail') -match 'L:([0-9a-fA-F-]{36})-AS:') { $application = $Matches[1].ToLowerInvariant() }
                [ordered] @{ service = 'EWS'; targetUri = $target; resultType = FcText $row 'ResultType'; application = $application }
            })
        }
    }

    if ($SampleMailbox.Count -gt 0) {
        FcSection -Name 'exchange.sampleEwsPolicies' -Seconds $SectionSeconds -Gather {
            $exchange['sampleEwsPolicies'] = @(foreach ($address in $SampleMailbox) {
                $hash = FcHash $address
                try {
                    $policy = FcEwsPolicy (FcCall -Command 'Get-CASMailbox' -Parameters @{ Identity = $address } -Place exchange -One)
                    $policy['mailbox'] = $hash
                    $policy
                } catch {
                    FcFail 'exchange.sampleEwsPolicies' "${hash}: $((FcMessage $_).Replace($address, '<address>'))"
                }
            })
        }

        FcSection -Name 'exchange.delegates' -Seconds $SectionSeconds -Gather {
            $exchange['delegates'] = @(foreach ($address in $SampleMailbox) {
                $hash = FcHash $address
                try {
                    $mailbox = FcCall -Command 'Get-Mailbox' -Parameters @{ Identity = $address } -Place exchange -One
                    $granted = @(FcTexts $mailbox 'GrantSendOnBehalfTo')
                    $onBehalf = @($granted | ForEach-Object { FcNamesOf $_ })
                    # The folder has the name of the mailbox's language.
                    $folders = @(FcCall -Command 'Get-MailboxFolderStatistics' -Parameters @{ Identity = $address; FolderScope = 'Calendar' } -Place exchange)
                    $calendar = @($folders | Where-Object { (FcText $_ 'FolderType') -eq 'Calendar' })[0]
                    $rows = @(FcCall -Command 'Get-MailboxFolderPermission' -Parameters @{ Identity = "${address}:\$(FcText $calendar 'Name')" } -Place exchange)
                    [ordered] @{
                        mailbox = $hash; sendOnBehalfCount = $granted.Count
                        delegates = @(foreach ($row in $rows) {
                            $who = FcText $row 'User'
                            $rights = @(FcTexts $row 'AccessRights')
                            # Those who may see at most when somebody is free are everybody.
                            if (@($rights | Where-Object { @('None', 'AvailabilityOnly', 'LimitedDetails') -notcontains $_ }).Count -eq 0) { continue }
                            # Older builds tell no flags: then nobody knows.
                            $flags = $null
                            if ($null -ne $row.PSObject.Properties['SharingPermissionFlags']) { $flags = (FcText $row 'SharingPermissionFlags') -match 'Delegate' }
                            [ordered] @{ delegate = (FcHash $who); rights = $rights; sendOnBehalf = ($onBehalf -contains $who); isDelegate = $flags }
                        })
                    }
                } catch {
                    FcFail 'exchange.delegates' "${hash}: $((FcMessage $_).Replace($address, '<address>'))"
                }
            })
        }
    }
}

if ($hasEntraConnect) {
    $entraConnect = [ordered] @{}
    $facts['entraConnect'] = $entraConnect
    $accounts = @()

    # First: a server in staging mode exports nothing, so nothing that follows proves anything about the one that does.
    FcSection -Name 'entraConnect.scheduler' -Seconds $SectionSeconds -Gather {
        $row = FcCall -Command 'Get-ADSyncScheduler' -One
        $entraConnect['scheduler'] = [ordered] @{ syncCycleEnabled = FcTruth $row 'SyncCycleEnabled'; stagingModeEnabled = FcTruth $row 'StagingModeEnabled' }
        if ($entraConnect['scheduler']['stagingModeEnabled']) { Write-Warning 'This Entra Connect server is in staging mode and exports nothing: run the script on the active one, too.' }
    }

    FcSection -Name 'entraConnect.globalSettings' -Seconds $SectionSeconds -Gather {
        $settings = FcCall -Command 'Get-ADSyncGlobalSettings' -One
        $values = @{}
        foreach ($parameter in @(FcProperty $settings 'Parameters')) { $values[(FcText $parameter 'Name')] = FcText $parameter 'Value' }
        $entraConnect['globalSettings'] = [ordered] @{
            exchangeHybrid = ([string] $values['Microsoft.OptionalFeature.HybridExchange'] -eq 'True')
            version = [string] $values['Microsoft.Synchronize.ServerConfigurationVersion']
        }
    }

    FcSection -Name 'entraConnect.rules' -Seconds $SectionSeconds -Gather {
        $entraConnect['rules'] = @(foreach ($row in FcCall -Command 'Get-ADSyncRule') {
            if ((FcText $row 'Name') -notlike 'Out to AD - * Exchange Hybrid*') { continue }
            [ordered] @{ name = FcText $row 'Name'; enabled = -not (FcTruth $row 'Disabled') }
        })
    }

    FcSection -Name 'entraConnect.connectorAccounts' -Seconds $SectionSeconds -Gather {
        # It is in a module of Entra Connect's program folder, where PowerShell does not look for one; the setup notes the folder.
        $folder = "$env:ProgramFiles\Microsoft Azure Active Directory Connect"
        try {
            $setup = FcCall -Command 'Get-ItemProperty' -Parameters @{ LiteralPath = 'HKLM:\SOFTWARE\Microsoft\Azure AD Connect' } -One
            if ((FcText $setup 'WizardPath') -ne '') { $folder = (FcText $setup 'WizardPath') -replace '\\[^\\]+$', '' }
        } catch {
            Write-Verbose "the folder of Entra Connect is taken to be $folder, because its setup key was not read: $(FcMessage $_)"
        }
        $module = "$folder\AdSyncConfig\AdSyncConfig.psm1"
        try {
            $null = FcCall -Command 'Import-Module' -Parameters @{ Name = $module }
        } catch {
            throw "$module was not loaded: $(FcMessage $_)"
        }
        $script:accounts = @(FcCall -Command 'Get-ADSyncADConnectorAccount')
        $entraConnect['connectorAccounts'] = @(foreach ($row in $accounts) {
            [ordered] @{ forest = FcText $row 'ADConnectorName'; account = FcHash (FcText $row 'ADConnectorAccountName') }
        })
    }

    FcSection -Name 'entraConnect.writeback' -Seconds $SectionSeconds -Gather {
        if (-not $entraConnect.Contains('connectorAccounts')) { throw 'not read: the connector accounts are not known' }
        $filter = '(|' + (($personAttributes + @($writebackClasses.Keys) | ForEach-Object { "(lDAPDisplayName=$_)" }) -join '') + ')'
        $entraConnect['writeback'] = @(foreach ($account in $accounts) {
            $forest = FcText $account 'ADConnectorName'
            try {
                $root = FcCall -Command 'Get-ADRootDSE' -Parameters @{ Server = $forest } -One
                $search = @{ Server = $forest; SearchBase = (FcText $root 'schemaNamingContext'); LDAPFilter = $filter; Properties = @('lDAPDisplayName', 'schemaIDGUID', 'attributeSecurityGUID') }
                $ids = @{}
                foreach ($row in FcCall -Command 'Get-ADObject' -Parameters $search) {
                    $ids[(FcText $row 'lDAPDisplayName')] = @(foreach ($name in 'schemaIDGUID', 'attributeSecurityGUID') {
                        $bytes = FcProperty $row $name
                        if ($null -ne $bytes) { [guid]::new([byte[]] $bytes).ToString() }
                    })
                }
                $user = FcCall -Command 'Get-ADUser' -Parameters @{ Server = $forest; Identity = (FcText $account 'ADConnectorAccountName') } -One
                $sid = FcText $user 'SID'
                $domain = FcCall -Command 'Get-ADObject' -Parameters @{ Server = $forest; Identity = (FcText $root 'defaultNamingContext'); Properties = @('nTSecurityDescriptor') } -One
                $entries = @($domain.nTSecurityDescriptor.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier]) |
                    Where-Object { [string] $_.IdentityReference -eq $sid })
                [ordered] @{
                    forest = $forest
                    classes = @(foreach ($class in $writebackClasses.Keys) {
                        # Attributes that the schema lacks cannot be granted.
                        $granted = @($writebackClasses[$class] | Where-Object { $ids.ContainsKey($_) -and (FcMayWrite $entries $ids[$_] ([string] $ids[$class])) })
                        [ordered] @{ class = $class; granted = $granted; missing = @($writebackClasses[$class] | Where-Object { $granted -notcontains $_ }) }
                    })
                }
            } catch {
                FcFail 'entraConnect.writeback' "${forest}: $(FcMessage $_)"
            }
        })
    }

    # The proof by effect: Entra ID has written its object id back into mailbox users.
    FcSection -Name 'entraConnect.writebackEffect' -Seconds $SectionSeconds -Gather {
        if (-not $entraConnect.Contains('connectorAccounts')) { throw 'not read: the connector accounts are not known' }
        $sample = 1000
        $entraConnect['writebackEffect'] = @(foreach ($account in $accounts) {
            $forest = FcText $account 'ADConnectorName'
            try {
                $search = @{ Server = $forest; LDAPFilter = '(&(objectCategory=person)(objectClass=user)(msExchMailboxGuid=*))'; ResultSetSize = $sample; Properties = @('msDS-ExternalDirectoryObjectID') }
                $users = @(FcCall -Command 'Get-ADObject' -Parameters $search)
                $populated = @($users | Where-Object { (FcText $_ 'msDS-ExternalDirectoryObjectID') -ne '' }).Count
                [ordered] @{ forest = $forest; sampled = $users.Count; populated = $populated; truncated = ($users.Count -ge $sample) }
            } catch {
                FcFail 'entraConnect.writebackEffect' "${forest}: $(FcMessage $_)"
            }
        })
    }
}

FcPublish -Facts $facts -Path $OutputPath -Uri $UploadUri -Bearer ([string] $Key) -FunctionKey ([string] $FunctionKey)
