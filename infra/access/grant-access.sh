#!/usr/bin/env bash
# Grants the fieldcheck app what its evaluations read in a tenant, and nothing else. The list is grants.json.
# Needs: Azure CLI signed in to the tenant as Privileged Role Administrator (or Global Administrator), and jq.
# The same in PowerShell: Grant-FieldcheckAccess.ps1. How and why: README.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
grants=$here/grants.json
sign_in_list=$here/sign-in.json
credential_name=fieldcheck

usage() {
  cat <<'TEXT'
Usage:
  grant-access.sh preview --app-id ID [--evaluations LIST] [--tenant ID]
  grant-access.sh apply   --app-id ID [--evaluations LIST] [--tenant ID] [--yes]
  grant-access.sh undo    --app-id ID [--tenant ID] [--yes]
      Shows, grants or takes back what the app may read in the tenant you are signed in to.
      --app-id       client id: of the managed identity in its own tenant (azd env get-value
                     FIELDCHECK_APP_IDENTITY_CLIENT_ID), of the application from "federate" in any other
      --evaluations  which to grant for, separated by commas; all when left out
      --tenant       stop unless signed in to this tenant
      --yes          do not ask

  grant-access.sh federate   --identity-principal-id ID [--app-name NAME] [--yes]
  grant-access.sh unfederate --identity-principal-id ID [--app-name NAME] [--yes]
      For other tenants, run once in the app's own tenant: makes an application that other tenants can admit and that
      trusts the managed identity instead of a secret. Then run "apply" in each other tenant with the id it prints.

  grant-access.sh sign-in      --url URL --identity-principal-id ID [--yes]
  grant-access.sh undo-sign-in [--yes]
      So that people and programs of the app's own tenant can sign in to fieldcheck: makes the application "fieldcheck
      sign-in" with its roles, without a secret, lets the managed identity vouch for it, and makes you its
      administrator. It is not the application that other tenants admit. --url is where the app is reached.

Ends with 0: done or nothing to do. 1: something could not be granted. 3: bad call or refused by Azure.
TEXT
}

fail() {
  printf 'grant-access: %s\n' "$*" >&2
  exit 3
}

# Asks Microsoft Graph through the Azure CLI: graph METHOD PATH [BODY].
graph() {
  local arguments=(rest --only-show-errors --method "$1" --url "$graph_url/v1.0/$2" --resource "$graph_url" --output json)
  if [ $# -gt 2 ]; then
    arguments+=(--headers 'Content-Type=application/json' --body "$3")
  fi
  az "${arguments[@]}" || fail "$1 $2 was refused; the reason stands above."
}

confirm() {
  [ "$assume_yes" = no ] || return 0
  [ -t 0 ] || fail 'nobody is there to confirm; call again with --yes.'
  local answer
  read -r -p "$1 Type yes: " answer
  [ "$answer" = yes ] || fail 'nothing was changed.'
}

sign_in() {
  command -v az >/dev/null || fail 'the Azure CLI (az) is not installed.'
  command -v jq >/dev/null || fail 'jq is not installed.'
  signed_in_tenant=$(az account show --query tenantId --output tsv 2>/dev/null) ||
    fail 'not signed in. Run: az login --allow-no-subscriptions --tenant TENANT'
  if [ -n "$tenant" ] && [ "$tenant" != "$signed_in_tenant" ]; then
    fail "signed in to tenant $signed_in_tenant, not $tenant. Run: az login --allow-no-subscriptions --tenant $tenant"
  fi
  # Sovereign clouds have a Graph and a sign-in address of their own; az knows them.
  local cloud
  cloud=$(az cloud show --output json) || fail 'az cloud show failed; its message stands above.'
  cloud=$(jq -r '.endpoints | [.microsoftGraphResourceId, .activeDirectory] | map(rtrimstr("/")) | @tsv' <<<"$cloud")
  IFS=$'\t' read -r graph_url login_url <<<"$cloud"
}

# Service principals of an application in this tenant, as Graph answers: one or none in "value".
service_principal() {
  graph GET "servicePrincipals?\$filter=appId eq '$1'&\$select=id,appId,displayName,servicePrincipalType"
}

# ("|| return": a failure inside a command substitution does not end the script by itself.)
# Prints one line per grant: STATE, grant id, kind, what to call it, and the ids that doing or undoing it takes.
# STATE is has, lacks, spare (held, but not for the chosen evaluations) or cannot (the tenant lacks the resource).
compare() {
  local app_roles='{"value":[]}' directory_roles='{"value":[]}' exchange graph_principal
  if [ "$principal_id" != none ]; then
    app_roles=$(graph GET "servicePrincipals/$principal_id/appRoleAssignments?\$top=999") || return
    directory_roles=$(graph GET "roleManagement/directory/roleAssignments?\$filter=principalId eq '$principal_id'") || return
  fi
  exchange=$(service_principal "$exchange_app") || return
  graph_principal=$(service_principal "$graph_app") || return
  jq -r \
    --arg chosen "$evaluations" \
    --argjson appRoles "$app_roles" \
    --argjson directoryRoles "$directory_roles" \
    --argjson principals "{\"exchange-online\":$exchange,\"graph\":$graph_principal}" '
    . as $document
    | ($chosen | split(",")) as $chosen
    | .grants[]
    | . as $grant
    | ($grant.evaluations | any(IN($chosen[]))) as $wanted
    | (if .kind == "app-role" then $principals[.resource].value[0].id // "none" else "none" end) as $resource
    | (if .kind == "app-role"
       then first($appRoles.value[] | select(.appRoleId == $grant.role.id and .resourceId == $resource) | .id) // "none"
       else first($directoryRoles.value[] | select(.roleDefinitionId == $grant.role.id and .directoryScopeId == "/") | .id) // "none"
       end) as $assignment
    | [ (if $assignment != "none" then (if $wanted then "has" else "spare" end)
         elif ($wanted | not) then "skip"
         elif .kind == "app-role" and $resource == "none" then "cannot"
         else "lacks" end),
        .id, .kind,
        (if .kind == "app-role" then "\(.role.name) on \($document.resources[.resource].name)" else "directory role \(.role.name)" end),
        .role.id, $resource, $assignment,
        "for \([.evaluations[] | select(IN($chosen[]))] | join(", ")): \(.reason)" ]
    | select(.[0] != "skip")
    | @tsv' "$grants"
}

header() {
  printf 'Tenant %s\n' "$signed_in_tenant"
  if [ "$principal_id" = none ]; then
    printf 'Application %s is not in this tenant yet.\n' "$app_id"
  else
    printf 'Identity %s (%s, client id %s)\n' "$principal_name" "$principal_type" "$app_id"
  fi
}

find_identity() {
  local principal
  principal=$(service_principal "$app_id")
  principal=$(jq -r '.value[0] // {id: "none"} | [.id, .servicePrincipalType // "of an unknown kind", .displayName] | @tsv' <<<"$principal")
  IFS=$'\t' read -r principal_id principal_type principal_name <<<"$principal"
}

show_plan() {
  local state id kind title role resource assignment reason
  if [ "$principal_id" = none ]; then printf '  add     the application itself (a service principal without any right)\n'; fi
  while IFS=$'\t' read -r state id kind title role resource assignment reason; do
    case $state in
      has) printf '  has     %s\n' "$title" ;;
      lacks) printf '  grant   %s\n            %s\n' "$title" "$reason" ;;
      spare) printf '  spare   %s: held, but not needed by the chosen evaluations\n' "$title" ;;
      cannot) printf '  cannot  %s: this tenant has no service principal for it. Is the service in use here?\n' "$title" ;;
    esac
  done <<<"$plan"
}

# Entra ID copies what is written to its other servers: seconds, sometimes a minute.
looks=12
pause_seconds=5

wait_for_identity() {
  local look
  for ((look = 1; look <= looks; look++)); do
    find_identity
    [ "$principal_id" = none ] || return 0
    sleep "$pause_seconds"
  done
  fail "the application was added, but is not visible yet. Call again in a minute: what is there already stays."
}

# Grants one thing; to an application that was added just now it is tried again while a server does not know it.
grant() {
  local look
  if [ "$patient" = yes ]; then
    for ((look = 1; look < looks; look++)); do
      graph POST "$1" "$2" >/dev/null 2>&1 && return 0
      sleep "$pause_seconds"
    done
  fi
  graph POST "$1" "$2" >/dev/null
}

apply() {
  local todo state id kind title role resource assignment reason patient=no
  find_identity
  plan=$(compare)
  header
  show_plan
  todo=$(grep -c '^lacks' <<<"$plan" || true)
  if [ "$todo" -eq 0 ] && [ "$principal_id" != none ]; then
    printf 'Nothing to do.\n'
  elif [ "$command" = preview ]; then
    printf 'Nothing was changed. "apply" would grant %s.\n' "$todo"
  else
    confirm "Grant $todo?"
    if [ "$principal_id" = none ]; then
      graph POST servicePrincipals "{\"appId\":\"$app_id\"}" >/dev/null
      patient=yes
      wait_for_identity
      printf '  added   the application itself\n'
    fi
    while IFS=$'\t' read -r state id kind title role resource assignment reason; do
      [ "$state" = lacks ] || continue
      if [ "$kind" = app-role ]; then
        grant "servicePrincipals/$resource/appRoleAssignedTo" \
          "{\"principalId\":\"$principal_id\",\"resourceId\":\"$resource\",\"appRoleId\":\"$role\"}"
      else
        grant roleManagement/directory/roleAssignments \
          "{\"principalId\":\"$principal_id\",\"roleDefinitionId\":\"$role\",\"directoryScopeId\":\"/\"}"
      fi
      printf '  granted %s\n' "$title"
    done <<<"$plan"
    printf 'Done. Exchange Online may take an hour to notice; "fieldcheck doctor" tells when it has.\n'
  fi
  if grep -q '^cannot' <<<"$plan"; then exit 1; fi
}

undo() {
  local todo state id kind title role resource assignment reason
  find_identity
  header
  if [ "$principal_id" = none ]; then
    printf 'Nothing to do.\n'
    return
  fi
  plan=$(compare)
  plan=$(grep -E '^(has|spare)' <<<"$plan" || true)
  if [ -z "$plan" ]; then
    printf 'Nothing to do.\n'
    return
  fi
  while IFS=$'\t' read -r state id kind title role resource assignment reason; do
    printf '  remove  %s\n' "$title"
  done <<<"$plan"
  todo=$(grep -c . <<<"$plan")
  confirm "Remove $todo?"
  while IFS=$'\t' read -r state id kind title role resource assignment reason; do
    if [ "$kind" = app-role ]; then
      graph DELETE "servicePrincipals/$resource/appRoleAssignedTo/$assignment" >/dev/null
    else
      graph DELETE "roleManagement/directory/roleAssignments/$assignment" >/dev/null
    fi
    printf '  removed %s\n' "$title"
  done <<<"$plan"
  printf 'Done. Tokens that were already given out stay valid for up to a day.\n'
}

find_application() {
  local found how_many
  found=$(graph GET "applications?\$filter=displayName eq '$app_name'&\$select=id,appId")
  found=$(jq -r '.value | [length, .[0].id // "", .[0].appId // ""] | @tsv' <<<"$found")
  IFS=$'\t' read -r how_many application_id application_app_id <<<"$found"
  [ "$how_many" -le 1 ] || fail "there are several applications called '$app_name'; choose another --app-name."
  credential=none
  if [ -n "$application_id" ]; then
    credential=$(graph GET "applications/$application_id/federatedIdentityCredentials" |
      jq -r --arg subject "$identity_principal_id" 'first(.value[] | select(.subject == $subject) | .id) // "none"')
  fi
}

# Makes one: make_application BODY.
make_application() {
  local made
  made=$(graph POST applications "$1")
  made=$(jq -r '[.id, .appId] | @tsv' <<<"$made")
  IFS=$'\t' read -r application_id application_app_id <<<"$made"
}

# What makes an application trust an identity of this tenant: trust_of PRINCIPAL-ID.
trust_of() {
  local audience
  case $login_url in
    *.us) audience=api://AzureADTokenExchangeUSGov ;;
    *.cn) audience=api://AzureADTokenExchangeChina ;;
    *) audience=api://AzureADTokenExchange ;;
  esac
  jq -cn --arg name "$credential_name" --arg issuer "$login_url/$signed_in_tenant/v2.0" --arg subject "$1" \
    --arg audience "$audience" '{name: $name, issuer: $issuer, subject: $subject, audiences: [$audience]}'
}

federate() {
  local issuer
  issuer=$login_url/$signed_in_tenant/v2.0
  find_application
  printf 'Tenant %s\n' "$signed_in_tenant"
  if [ -n "$application_id" ] && [ "$credential" != none ]; then
    printf '  has     application %s that trusts identity %s\n' "$app_name" "$identity_principal_id"
    printf 'Nothing to do.\n'
  else
    [ -n "$application_id" ] || printf '  create  application %s, for accounts of any organization, without a secret\n' "$app_name"
    printf '  trust   identity %s of this tenant (%s)\n' "$identity_principal_id" "$issuer"
    confirm 'Do this?'
    [ -n "$application_id" ] ||
      make_application "{\"displayName\":\"$app_name\",\"signInAudience\":\"AzureADMultipleOrgs\"}"
    graph POST "applications/$application_id/federatedIdentityCredentials" "$(trust_of "$identity_principal_id")" >/dev/null
    printf 'Done.\n'
  fi
  printf 'In each other tenant, signed in there: grant-access.sh apply --app-id %s\n' "$application_app_id"
}

unfederate() {
  find_application
  printf 'Tenant %s\n' "$signed_in_tenant"
  if [ "$credential" = none ]; then
    printf 'Nothing to do.\n'
    return
  fi
  printf '  remove  the trust of application %s in identity %s\n' "$app_name" "$identity_principal_id"
  confirm 'Do this?'
  graph DELETE "applications/$application_id/federatedIdentityCredentials/$credential" >/dev/null
  printf 'Done. No tenant can be read through this application any more; the application itself was kept.\n'
}

# What has to be done, as lines of "STEP<tab>what it is called"; nothing when all of it is there.
compare_sign_in() {
  local current role
  if [ -z "$application_id" ]; then
    printf 'create\tapplication %s, for accounts of this tenant alone, without a secret\n' "$app_name"
  else
    current=$(graph GET "applications/$application_id") || return
  fi
  jq -e --argjson wanted "$wanted" 'contains($wanted)' <<<"${current:-{\}}" >/dev/null ||
    printf 'set\tits redirect address %s, its roles, its scope, and the Azure CLI as one that may ask for it\n' "$redirect"
  [ "$credential" != none ] || printf 'trust\tidentity %s of this tenant\n' "$identity_principal_id"
  if [ "$principal_id" = none ]; then
    printf 'add\tit to this tenant\n'
  else
    current=$(graph GET "servicePrincipals/$principal_id?\$select=appRoleAssignmentRequired") || return
  fi
  [ "$principal_id" != none ] && jq -e .appRoleAssignmentRequired <<<"$current" >/dev/null ||
    printf 'require\tthat whoever signs in is assigned to it\n'
  current='{"value":[]}'
  [ "$principal_id" = none ] ||
    current=$(graph GET "oauth2PermissionGrants?\$filter=clientId eq '$principal_id'") || return
  jq -e --arg scope "$consent" '.value | any(.consentType == "AllPrincipals" and .scope == $scope)' <<<"$current" >/dev/null ||
    printf 'consent\tto %s, for everybody here\n' "$consent"
  current='{"value":[]}'
  [ "$principal_id" = none ] || current=$(graph GET "servicePrincipals/$principal_id/appRoleAssignedTo?\$top=999") || return
  jq -e --arg me "$my_id" --arg role "$administrator" '.value | any(.principalId == $me and .appRoleId == $role)' \
    <<<"$current" >/dev/null || printf 'assign\tyou (%s) the role Administrator\n' "$my_name"
}

# Does one step of the plan.
do_sign_in_step() {
  case $1 in
    create)
      make_application "$(jq -c .application "$sign_in_list")"
      app_id=$application_app_id
      ;;
    set) patiently PATCH "applications/$application_id" "$(want "$app_id")" ;;
    trust) patiently POST "applications/$application_id/federatedIdentityCredentials" "$(trust_of "$identity_principal_id")" ;;
    add)
      graph POST servicePrincipals "{\"appId\":\"$app_id\"}" >/dev/null
      wait_for_identity
      ;;
    require) patiently PATCH "servicePrincipals/$principal_id" '{"appRoleAssignmentRequired":true}' ;;
    consent)
      local graph_principal
      graph_principal=$(service_principal "$graph_app")
      patiently POST oauth2PermissionGrants "$(jq -cn --arg client "$principal_id" --arg scope "$consent" \
        --argjson graph "$graph_principal" \
        '{clientId: $client, consentType: "AllPrincipals", resourceId: $graph.value[0].id, scope: $scope}')"
      ;;
    assign)
      patiently POST "servicePrincipals/$principal_id/appRoleAssignedTo" \
        "{\"principalId\":\"$my_id\",\"resourceId\":\"$principal_id\",\"appRoleId\":\"$administrator\"}"
      ;;
  esac
}

# Graph, where a server may not know yet what was made just now.
patiently() {
  local look
  for ((look = 1; look < looks; look++)); do
    # In a shell of its own, which is what a refusal ends.
    (graph "$@") >/dev/null 2>&1 && return 0
    sleep "$pause_seconds"
  done
  graph "$@" >/dev/null
}

# The application as it has to be: want APP-ID.
want() {
  jq -c --arg redirect "$redirect" --arg id "$1" '
    .preAuthorizedApplications as $admitted
    | .application
    | .web.redirectUris = [$redirect]
    | .identifierUris = ["api://\($id)"]
    | .api.preAuthorizedApplications = $admitted' "$sign_in_list"
}

find_sign_in() {
  app_name=$(jq -r .application.displayName "$sign_in_list")
  find_application
  principal_id=none
  [ -n "$application_id" ] || return 0
  app_id=$application_app_id
  find_identity
}

register_sign_in() {
  local step title me
  administrator=$(jq -r '[(.application.appRoles[] | select(.value == "Administrator") | .id), .consent] | @tsv' "$sign_in_list")
  IFS=$'\t' read -r administrator consent <<<"$administrator"
  redirect=$url/api/sign-in/callback
  me=$(graph GET 'me?$select=id,displayName')
  me=$(jq -r '[.id, .displayName] | @tsv' <<<"$me")
  IFS=$'\t' read -r my_id my_name <<<"$me"
  find_sign_in
  wanted=$(want "$app_id")
  plan=$(compare_sign_in)
  printf 'Tenant %s\n' "$signed_in_tenant"
  if [ -z "$plan" ]; then
    printf 'Nothing to do.\n'
  else
    while IFS=$'\t' read -r step title; do printf '  %-7s %s\n' "$step" "$title"; done <<<"$plan"
    confirm 'Do this?'
    while IFS=$'\t' read -r step title; do do_sign_in_step "$step"; done <<<"$plan"
    printf 'Done.\n'
  fi
  printf 'Then: azd env set FIELDCHECK_SIGN_IN_CLIENT_ID %s && azd provision\n' "$app_id"
}

undo_sign_in() {
  find_sign_in
  printf 'Tenant %s\n' "$signed_in_tenant"
  if [ -z "$application_id" ]; then
    printf 'Nothing to do.\n'
    return
  fi
  printf '  remove  application %s: nobody signs in any more, keys go on counting\n' "$app_name"
  confirm 'Do this?'
  graph DELETE "applications/$application_id" >/dev/null
  printf 'Done.\n'
}

command=${1:-}
[ $# -eq 0 ] || shift
app_id='' evaluations='' tenant='' identity_principal_id='' app_name=fieldcheck url='' assume_yes=no
while [ $# -gt 0 ]; do
  case $1 in
    --yes) assume_yes=yes; shift; continue ;;
    --app-id | --evaluations | --tenant | --identity-principal-id | --app-name | --url)
      [ $# -gt 1 ] || fail "$1 needs a value." ;;
    *) fail "unknown option $1. See: grant-access.sh --help" ;;
  esac
  case $1 in
    --app-id) app_id=$2 ;;
    --evaluations) evaluations=$2 ;;
    --tenant) tenant=$2 ;;
    --identity-principal-id) identity_principal_id=$2 ;;
    --app-name) app_name=$2 ;;
    --url) url=${2%/} ;;
  esac
  shift 2
done

guid='^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
case $command in
  preview | apply | undo)
    [[ $app_id =~ $guid ]] || fail "--app-id needs a client id (a GUID), got '$app_id'."
    [ "$command" != undo ] || [ -z "$evaluations" ] ||
      fail 'undo takes everything back; to keep some evaluations, run undo and then apply for those.'
    ;;
  federate | unfederate)
    [[ $identity_principal_id =~ $guid ]] ||
      fail "--identity-principal-id needs the object id of the managed identity (a GUID), got '$identity_principal_id'."
    [[ $app_name =~ ^[A-Za-z0-9\ _.-]+$ ]] || fail '--app-name takes letters, digits, spaces and . _ - only.'
    ;;
  sign-in)
    [[ $identity_principal_id =~ $guid ]] ||
      fail "--identity-principal-id needs the object id of the managed identity (a GUID), got '$identity_principal_id'."
    [[ $url =~ ^https://[A-Za-z0-9.-]+(:[0-9]+)?$ ]] || fail "--url needs https:// and a host, without a path, got '$url'."
    ;;
  undo-sign-in) ;;
  -h | --help | help | '') usage; exit 0 ;;
  *) fail "unknown command '$command'. See: grant-access.sh --help" ;;
esac

sign_in
listed=$(jq -r '[([.grants[].evaluations[]] | unique | join(",")), .resources["exchange-online"].appId, .resources.graph.appId] | @tsv' "$grants")
IFS=$'\t' read -r known exchange_app graph_app <<<"$listed"
evaluations=${evaluations:-$known}
for evaluation in ${evaluations//,/ }; do
  case ,$known, in
    *,"$evaluation",*) ;;
    *) fail "evaluation '$evaluation' needs no grants or does not exist; those that do: $known." ;;
  esac
done

case $command in
  preview | apply) apply ;;
  undo) undo ;;
  federate) federate ;;
  unfederate) unfederate ;;
  sign-in) register_sign_in ;;
  undo-sign-in) undo_sign_in ;;
esac
