#Requires -Version 5.1
#Requires -Modules Microsoft.Graph.Authentication
<#
.SYNOPSIS
    Grants the fieldcheck app what its evaluations read in a tenant, and nothing else. The list is grants.json.

.DESCRIPTION
    Shows what it will do before it does it, does nothing twice, and takes everything back with -Action Undo.
    Run it as Privileged Role Administrator (or Global Administrator). The same for the Azure CLI: grant-access.sh.
    How and why: README.md in this folder.

    For other tenants, run -Action Federate once in the app's own tenant: it makes an application that other tenants
    can admit and that trusts the managed identity instead of a secret. Then run -Action Apply in each other tenant
    with the id it prints.

    -Action SignIn, in the app's own tenant, makes the application "fieldcheck sign-in" (sign-in.json), with which people
    and programs sign in to fieldcheck, and makes you its administrator. It is not the application that other tenants admit.

.PARAMETER Action
    Preview, Apply or Undo in the tenant to be read; Federate, Unfederate, SignIn or UndoSignIn in the tenant of the app.

.PARAMETER AppId
    Client id: of the managed identity in its own tenant, of the application from Federate in any other.

.PARAMETER Evaluations
    Which evaluations to grant for; all when left out. Undo takes everything back.

.PARAMETER IdentityPrincipalId
    Federate, Unfederate and SignIn: object id of the managed identity.

.PARAMETER Url
    SignIn: where the app is reached, https:// and a host.

.PARAMETER AppName
    Federate and Unfederate: name of the application.

.PARAMETER TenantId
    Tenant to sign in to; the default tenant of the account when left out.

.PARAMETER Environment
    Cloud to sign in to: Global, USGov, USGovDoD or China.

.PARAMETER Force
    Do not ask.

.EXAMPLE
    ./Grant-FieldcheckAccess.ps1 -Action Preview -AppId 00000000-0000-0000-0000-000000000000 -Evaluations dkim
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)]
    [ValidateSet('Preview', 'Apply', 'Undo', 'Federate', 'Unfederate', 'SignIn', 'UndoSignIn')]
    [string] $Action,

    [guid] $AppId,

    [string[]] $Evaluations,

    [guid] $IdentityPrincipalId,

    [ValidatePattern('^https://[A-Za-z0-9.-]+(:[0-9]+)?/?$')]
    [string] $Url,

    [ValidatePattern('^[A-Za-z0-9 _.-]+$')]
    [string] $AppName = 'fieldcheck',

    [string] $TenantId,

    [ValidateSet('Global', 'USGov', 'USGovDoD', 'China')]
    [string] $Environment = 'Global',

    [switch] $Force
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$document = Get-Content -Raw -Encoding UTF8 -Path (Join-Path -Path $PSScriptRoot -ChildPath 'grants.json') | ConvertFrom-Json

# Asks Microsoft Graph; an answer that is refused ends the script with Graph's own words.
function Invoke-FieldcheckGraph {
    param([string] $Method, [string] $Path, $Body)
    $request = @{ Method = $Method; Uri = "v1.0/$Path"; OutputType = 'PSObject' }
    if ($Body) {
        $request.Body = ConvertTo-Json -InputObject $Body -Depth 10
        $request.ContentType = 'application/json'
    }
    Invoke-MgGraphRequest @request
}

function Confirm-FieldcheckChange {
    param([string] $Question)
    if ($Force) { return }
    if ((Read-Host -Prompt "$Question Type yes") -ne 'yes') { throw 'Nothing was changed.' }
}

# The service principal of an application in this tenant; null when the tenant has none.
function Get-FieldcheckServicePrincipal {
    param([string] $ApplicationId)
    $path = "servicePrincipals?`$filter=appId eq '$ApplicationId'&`$select=id,appId,displayName,servicePrincipalType"
    @((Invoke-FieldcheckGraph -Method GET -Path $path).value) | Select-Object -First 1
}

# One object per grant: State is has, lacks, spare (held, but not for the chosen evaluations), skip (neither) or cannot
# (the tenant lacks the resource).
function Compare-FieldcheckGrants {
    param($Principal, [string[]] $Chosen)
    $appRoles = @()
    $directoryRoles = @()
    if ($Principal) {
        $appRoles = @((Invoke-FieldcheckGraph -Method GET -Path "servicePrincipals/$($Principal.id)/appRoleAssignments?`$top=999").value)
        $directoryRoles = @((Invoke-FieldcheckGraph -Method GET -Path "roleManagement/directory/roleAssignments?`$filter=principalId eq '$($Principal.id)'").value)
    }
    $resources = @{}
    foreach ($property in $document.resources.PSObject.Properties) {
        $resources[$property.Name] = Get-FieldcheckServicePrincipal -ApplicationId $property.Value.appId
    }
    foreach ($grant in $document.grants) {
        $wantedBy = @($grant.evaluations | Where-Object { $Chosen -contains $_ })
        $resource = $null
        if ($grant.kind -eq 'app-role') {
            $resource = $resources[$grant.resource]
            $title = "$($grant.role.name) on $($document.resources.($grant.resource).name)"
            $assignment = $appRoles | Where-Object { $resource -and $_.appRoleId -eq $grant.role.id -and $_.resourceId -eq $resource.id } | Select-Object -First 1
        }
        else {
            $title = "directory role $($grant.role.name)"
            $assignment = $directoryRoles | Where-Object { $_.roleDefinitionId -eq $grant.role.id -and $_.directoryScopeId -eq '/' } | Select-Object -First 1
        }
        if ($assignment) { $state = if ($wantedBy) { 'has' } else { 'spare' } }
        elseif (-not $wantedBy) { $state = 'skip' }
        elseif ($grant.kind -eq 'app-role' -and -not $resource) { $state = 'cannot' }
        else { $state = 'lacks' }
        [pscustomobject]@{
            State      = $state
            Grant      = $grant
            Title      = $title
            Resource   = $resource
            Assignment = $assignment
            Reason     = "for $($wantedBy -join ', '): $($grant.reason)"
        }
    }
}

function Write-FieldcheckHeader {
    param($Principal)
    Write-Output "Tenant $tenant"
    if ($Principal) {
        Write-Output "Identity $($Principal.displayName) ($($Principal.servicePrincipalType), client id $AppId)"
    }
    else {
        Write-Output "Application $AppId is not in this tenant yet."
    }
}

# Entra ID copies what is written to its other servers: seconds, sometimes a minute.
$looks = 12
$pauseSeconds = 5

function Wait-FieldcheckServicePrincipal {
    param([string] $ApplicationId)
    for ($look = 1; $look -le $looks; $look++) {
        $found = Get-FieldcheckServicePrincipal -ApplicationId $ApplicationId
        if ($found) { return $found }
        Start-Sleep -Seconds $pauseSeconds
    }
    throw 'The application was added, but is not visible yet. Call again in a minute: what is there already stays.'
}

# Grants one thing; to an application that was added just now it is tried again while a server does not know it.
function Add-FieldcheckGrant {
    param([string] $Path, $Body, [switch] $Patient, [string] $Method = 'POST')
    for ($look = 1; $look -le $looks; $look++) {
        try {
            $null = Invoke-FieldcheckGraph -Method $Method -Path $Path -Body $Body
            return
        }
        catch {
            if (-not $Patient -or $look -eq $looks) { throw }
            Start-Sleep -Seconds $pauseSeconds
        }
    }
}

function Grant-FieldcheckAccess {
    $principal = Get-FieldcheckServicePrincipal -ApplicationId $AppId
    $plan = @(Compare-FieldcheckGrants -Principal $principal -Chosen $chosen)
    Write-FieldcheckHeader -Principal $principal
    if (-not $principal) { Write-Output '  add     the application itself (a service principal without any right)' }
    foreach ($line in $plan) {
        switch ($line.State) {
            'has' { Write-Output "  has     $($line.Title)" }
            'lacks' {
                Write-Output "  grant   $($line.Title)"
                Write-Output "            $($line.Reason)"
            }
            'spare' { Write-Output "  spare   $($line.Title): held, but not needed by the chosen evaluations" }
            'cannot' { Write-Output "  cannot  $($line.Title): this tenant has no service principal for it. Is the service in use here?" }
        }
    }
    if ($plan | Where-Object { $_.State -eq 'cannot' }) { Write-Warning 'Not everything can be granted: see "cannot" above.' }
    $todo = @($plan | Where-Object { $_.State -eq 'lacks' })
    if ($todo.Count -eq 0 -and $principal) {
        Write-Output 'Nothing to do.'
        return
    }
    if ($Action -eq 'Preview') {
        Write-Output "Nothing was changed. Apply would grant $($todo.Count)."
        return
    }
    Confirm-FieldcheckChange -Question "Grant $($todo.Count)?"
    $added = $false
    if (-not $principal) {
        $null = Invoke-FieldcheckGraph -Method POST -Path 'servicePrincipals' -Body @{ appId = "$AppId" }
        $added = $true
        $principal = Wait-FieldcheckServicePrincipal -ApplicationId $AppId
        Write-Output '  added   the application itself'
    }
    foreach ($line in $todo) {
        if ($line.Grant.kind -eq 'app-role') {
            $body = [ordered]@{ principalId = $principal.id; resourceId = $line.Resource.id; appRoleId = $line.Grant.role.id }
            Add-FieldcheckGrant -Path "servicePrincipals/$($line.Resource.id)/appRoleAssignedTo" -Body $body -Patient:$added
        }
        else {
            $body = [ordered]@{ principalId = $principal.id; roleDefinitionId = $line.Grant.role.id; directoryScopeId = '/' }
            Add-FieldcheckGrant -Path 'roleManagement/directory/roleAssignments' -Body $body -Patient:$added
        }
        Write-Output "  granted $($line.Title)"
    }
    Write-Output 'Done. Exchange Online may take an hour to notice; "fieldcheck doctor" tells when it has.'
}

function Revoke-FieldcheckAccess {
    $principal = Get-FieldcheckServicePrincipal -ApplicationId $AppId
    Write-FieldcheckHeader -Principal $principal
    $held = @()
    if ($principal) {
        $held = @(Compare-FieldcheckGrants -Principal $principal -Chosen $chosen | Where-Object { $_.Assignment })
    }
    if ($held.Count -eq 0) {
        Write-Output 'Nothing to do.'
        return
    }
    foreach ($line in $held) { Write-Output "  remove  $($line.Title)" }
    Confirm-FieldcheckChange -Question "Remove $($held.Count)?"
    foreach ($line in $held) {
        if ($line.Grant.kind -eq 'app-role') {
            $null = Invoke-FieldcheckGraph -Method DELETE -Path "servicePrincipals/$($line.Resource.id)/appRoleAssignedTo/$($line.Assignment.id)"
        }
        else {
            $null = Invoke-FieldcheckGraph -Method DELETE -Path "roleManagement/directory/roleAssignments/$($line.Assignment.id)"
        }
        Write-Output "  removed $($line.Title)"
    }
    Write-Output 'Done. Tokens that were already given out stay valid for up to a day.'
}

function Get-FieldcheckApplication {
    $found = @((Invoke-FieldcheckGraph -Method GET -Path "applications?`$filter=displayName eq '$AppName'&`$select=id,appId").value)
    if ($found.Count -gt 1) { throw "There are several applications called '$AppName'; choose another -AppName." }
    $found | Select-Object -First 1
}

function Get-FieldcheckCredential {
    param($Application)
    if (-not $Application) { return }
    @((Invoke-FieldcheckGraph -Method GET -Path "applications/$($Application.id)/federatedIdentityCredentials").value) |
        Where-Object { $_.subject -eq "$IdentityPrincipalId" } | Select-Object -First 1
}

# What makes an application trust the identity.
function Get-FieldcheckTrust {
    $signIn = @{
        Global   = @('https://login.microsoftonline.com', 'api://AzureADTokenExchange')
        USGov    = @('https://login.microsoftonline.us', 'api://AzureADTokenExchangeUSGov')
        USGovDoD = @('https://login.microsoftonline.us', 'api://AzureADTokenExchangeUSGov')
        China    = @('https://login.chinacloudapi.cn', 'api://AzureADTokenExchangeChina')
    }[$Environment]
    [ordered]@{ name = 'fieldcheck'; issuer = "$($signIn[0])/$tenant/v2.0"; subject = "$IdentityPrincipalId"; audiences = @($signIn[1]) }
}

function Add-FieldcheckFederation {
    $trust = Get-FieldcheckTrust
    $application = Get-FieldcheckApplication
    Write-Output "Tenant $tenant"
    if (Get-FieldcheckCredential -Application $application) {
        Write-Output "  has     application $AppName that trusts identity $IdentityPrincipalId"
        Write-Output 'Nothing to do.'
    }
    else {
        if (-not $application) { Write-Output "  create  application $AppName, for accounts of any organization, without a secret" }
        Write-Output "  trust   identity $IdentityPrincipalId of this tenant ($($trust.issuer))"
        Confirm-FieldcheckChange -Question 'Do this?'
        if (-not $application) {
            $application = Invoke-FieldcheckGraph -Method POST -Path 'applications' -Body ([ordered]@{ displayName = $AppName; signInAudience = 'AzureADMultipleOrgs' })
        }
        $null = Invoke-FieldcheckGraph -Method POST -Path "applications/$($application.id)/federatedIdentityCredentials" -Body $trust
        Write-Output 'Done.'
    }
    Write-Output "In each other tenant, signed in there: ./Grant-FieldcheckAccess.ps1 -Action Apply -AppId $($application.appId)"
}

function Remove-FieldcheckFederation {
    $application = Get-FieldcheckApplication
    $credential = Get-FieldcheckCredential -Application $application
    Write-Output "Tenant $tenant"
    if (-not $credential) {
        Write-Output 'Nothing to do.'
        return
    }
    Write-Output "  remove  the trust of application $AppName in identity $IdentityPrincipalId"
    Confirm-FieldcheckChange -Question 'Do this?'
    $null = Invoke-FieldcheckGraph -Method DELETE -Path "applications/$($application.id)/federatedIdentityCredentials/$($credential.id)"
    Write-Output 'Done. No tenant can be read through this application any more; the application itself was kept.'
}

# The application as it has to be; what names it is known only once it is there.
function Get-FieldcheckWantedSignIn {
    param($Application)
    $list = Get-FieldcheckSignInList
    $wanted = $list.application
    $wanted.web.redirectUris = @($redirect)
    if ($Application) {
        $wanted.PSObject.Properties.Add([psnoteproperty]::new('identifierUris', @("api://$($Application.appId)")))
        $wanted.api.PSObject.Properties.Add([psnoteproperty]::new('preAuthorizedApplications', @($list.preAuthorizedApplications)))
    }
    $wanted
}

function Get-FieldcheckSignInList {
    Get-Content -Raw -Encoding UTF8 -Path (Join-Path -Path $PSScriptRoot -ChildPath 'sign-in.json') | ConvertFrom-Json
}

# Does what is there have all that is wanted? What Graph adds of its own is no difference.
function Test-FieldcheckContains {
    param($There, $Wanted)
    if ($Wanted -is [System.Management.Automation.PSCustomObject]) {
        foreach ($property in $Wanted.PSObject.Properties) {
            $own = $There.PSObject.Properties[$property.Name]
            if (-not $own -or -not (Test-FieldcheckContains -There $own.Value -Wanted $property.Value)) { return $false }
        }
        return $true
    }
    if ($Wanted -is [array]) {
        foreach ($one in $Wanted) {
            if (-not (@($There) | Where-Object { Test-FieldcheckContains -There $_ -Wanted $one })) { return $false }
        }
        return $true
    }
    "$There" -eq "$Wanted"
}

function Register-FieldcheckSignIn {
    $list = Get-FieldcheckSignInList
    $administrator = ($list.application.appRoles | Where-Object { $_.value -eq 'Administrator' }).id
    $me = Invoke-FieldcheckGraph -Method GET -Path 'me?$select=id,displayName'
    $application = Get-FieldcheckApplication
    $principal = $null
    $current = $null
    if ($application) {
        $principal = Get-FieldcheckServicePrincipal -ApplicationId $application.appId
        $current = Invoke-FieldcheckGraph -Method GET -Path "applications/$($application.id)"
    }
    $steps = [ordered]@{}
    if (-not $application) { $steps.create = "application $AppName, for accounts of this tenant alone, without a secret" }
    if (-not $current -or -not (Test-FieldcheckContains -There $current -Wanted (Get-FieldcheckWantedSignIn -Application $application))) {
        $steps.set = "its redirect address $redirect, its roles, its scope, and the Azure CLI as one that may ask for it"
    }
    if (-not (Get-FieldcheckCredential -Application $application)) { $steps.trust = "identity $IdentityPrincipalId of this tenant" }
    if (-not $principal) { $steps.add = 'it to this tenant' }
    $required = $false
    $consents = @()
    $assigned = @()
    if ($principal) {
        $own = (Invoke-FieldcheckGraph -Method GET -Path "servicePrincipals/$($principal.id)?`$select=appRoleAssignmentRequired").PSObject.Properties['appRoleAssignmentRequired']
        $required = $own -and $own.Value
        $consents = @((Invoke-FieldcheckGraph -Method GET -Path "oauth2PermissionGrants?`$filter=clientId eq '$($principal.id)'").value)
        $assigned = @((Invoke-FieldcheckGraph -Method GET -Path "servicePrincipals/$($principal.id)/appRoleAssignedTo?`$top=999").value)
    }
    if (-not $required) { $steps.require = 'that whoever signs in is assigned to it' }
    if (-not ($consents | Where-Object { $_.consentType -eq 'AllPrincipals' -and $_.scope -eq $list.consent })) { $steps.consent = "to $($list.consent), for everybody here" }
    if (-not ($assigned | Where-Object { $_.principalId -eq $me.id -and $_.appRoleId -eq $administrator })) { $steps.assign = "you ($($me.displayName)) the role Administrator" }
    Write-Output "Tenant $tenant"
    if ($steps.Count -eq 0) {
        Write-Output 'Nothing to do.'
    }
    else {
        foreach ($step in $steps.Keys) { Write-Output "  $($step.PadRight(7)) $($steps[$step])" }
        Confirm-FieldcheckChange -Question 'Do this?'
        foreach ($step in $steps.Keys) {
            switch ($step) {
                'create' { $application = Invoke-FieldcheckGraph -Method POST -Path 'applications' -Body $list.application }
                'set' { Add-FieldcheckGrant -Method PATCH -Path "applications/$($application.id)" -Body (Get-FieldcheckWantedSignIn -Application $application) -Patient }
                'trust' { Add-FieldcheckGrant -Path "applications/$($application.id)/federatedIdentityCredentials" -Body (Get-FieldcheckTrust) -Patient }
                'add' {
                    $null = Invoke-FieldcheckGraph -Method POST -Path 'servicePrincipals' -Body @{ appId = $application.appId }
                    $principal = Wait-FieldcheckServicePrincipal -ApplicationId $application.appId
                }
                'require' { Add-FieldcheckGrant -Method PATCH -Path "servicePrincipals/$($principal.id)" -Body @{ appRoleAssignmentRequired = $true } -Patient }
                'consent' {
                    $resource = Get-FieldcheckServicePrincipal -ApplicationId $document.resources.graph.appId
                    $body = [ordered]@{ clientId = $principal.id; consentType = 'AllPrincipals'; resourceId = $resource.id; scope = $list.consent }
                    Add-FieldcheckGrant -Path 'oauth2PermissionGrants' -Body $body -Patient
                }
                'assign' {
                    $body = [ordered]@{ principalId = $me.id; resourceId = $principal.id; appRoleId = $administrator }
                    Add-FieldcheckGrant -Path "servicePrincipals/$($principal.id)/appRoleAssignedTo" -Body $body -Patient
                }
            }
        }
        Write-Output 'Done.'
    }
    Write-Output "Then: azd env set FIELDCHECK_SIGN_IN_CLIENT_ID $($application.appId) && azd provision"
}

function Unregister-FieldcheckSignIn {
    $application = Get-FieldcheckApplication
    Write-Output "Tenant $tenant"
    if (-not $application) {
        Write-Output 'Nothing to do.'
        return
    }
    Write-Output "  remove  application ${AppName}: nobody signs in any more, keys go on counting"
    Confirm-FieldcheckChange -Question 'Do this?'
    $null = Invoke-FieldcheckGraph -Method DELETE -Path "applications/$($application.id)"
    Write-Output 'Done.'
}

if ($Action -in 'Preview', 'Apply', 'Undo' -and -not $PSBoundParameters.ContainsKey('AppId')) { throw '-AppId is needed: the client id of the identity or application.' }
if ($Action -eq 'SignIn' -and -not $Url) { throw '-Url is needed: where the app is reached.' }
if ($Action -in 'SignIn', 'UndoSignIn') { $AppName = (Get-FieldcheckSignInList).application.displayName }
$redirect = "$("$Url".TrimEnd('/'))/api/sign-in/callback"
if ($Action -in 'Federate', 'Unfederate', 'SignIn' -and -not $PSBoundParameters.ContainsKey('IdentityPrincipalId')) { throw '-IdentityPrincipalId is needed: the object id of the managed identity.' }
if ($Action -eq 'Undo' -and $Evaluations) { throw 'Undo takes everything back; to keep some evaluations, run Undo and then Apply for those.' }

$known = @($document.grants | ForEach-Object { $_.evaluations } | Sort-Object -Unique)
$chosen = if ($Evaluations) { $Evaluations } else { $known }
foreach ($evaluation in $chosen) {
    if ($known -notcontains $evaluation) { throw "Evaluation '$evaluation' needs no grants or does not exist; those that do: $($known -join ', ')." }
}

# Only the rights that this action needs.
$scopes = @{
    Preview    = @('Application.Read.All', 'RoleManagement.Read.Directory')
    Apply      = @('Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'RoleManagement.ReadWrite.Directory')
    Undo       = @('Application.Read.All', 'AppRoleAssignment.ReadWrite.All', 'RoleManagement.ReadWrite.Directory')
    Federate   = @('Application.ReadWrite.All')
    Unfederate = @('Application.ReadWrite.All')
    SignIn     = @('Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All', 'DelegatedPermissionGrant.ReadWrite.All')
    UndoSignIn = @('Application.ReadWrite.All')
}[$Action]
$connection = @{ Scopes = $scopes; Environment = $Environment; NoWelcome = $true }
if ($TenantId) { $connection.TenantId = $TenantId }
Connect-MgGraph @connection
$tenant = (Get-MgContext).TenantId

switch ($Action) {
    'Undo' { Revoke-FieldcheckAccess }
    'Federate' { Add-FieldcheckFederation }
    'Unfederate' { Remove-FieldcheckFederation }
    'SignIn' { Register-FieldcheckSignIn }
    'UndoSignIn' { Unregister-FieldcheckSignIn }
    default { Grant-FieldcheckAccess }
}
