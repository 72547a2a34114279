#!/bin/sh
# Collects what one Linux node of a load-balanced SMTP service knows about itself into one JSON file. It changes nothing.
#
# Run it on every Linux node of the service. What is read, what leaves the server and the shape of the file are described
# in README.md beside this script. As root it reads everything; as somebody else it says what it could not read.
#
#   sh Collect-SmtpSourceIpFacts.sh [-o FILE] [-l LOG]... [-H HOURS] [-u URI]
#
#   -o FILE    the file to write; default: smtp-source-ip-NODE.json in the current folder
#   -l LOG     the mail log, where Postfix and the usual places do not tell it; repeatable
#   -H HOURS   how far back the mail log is read; default: 24
#   -u URI     the door to post the file to: https://HOST/api/organizations/ORGANIZATION/facts
#              (the key of the organization comes from the environment variable FIELDCHECK_KEY)
set -u
LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
version=1.0
log_megabytes=200
newline='
'

usage() {
    sed -n 's/^#   //p' "$0" >&2
    exit 64
}

node=$(uname -n)
node=${node%%.*}
output=smtp-source-ip-$node.json
logs=
hours=24
uri=
while getopts ho:l:H:u: option; do
    case $option in
        o) output=$OPTARG ;;
        l) logs=$logs$OPTARG$newline ;;
        H) hours=$OPTARG ;;
        u) uri=$OPTARG ;;
        *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || usage
case $hours in '' | *[!0-9]*) usage ;; esac
case $uri in
    '' | https://*) ;;
    http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
    *) printf '%s\n' "-u: $uri is no https address" >&2; exit 64 ;;
esac

# --- JSON ---------------------------------------------------------------------------------------------------------------

# Text from standard input as one JSON string; lines become \n.
quote() {
    tr -d '\000-\010\013-\037' | sed 's/\\/\\\\/g; s/"/\\"/g; s/	/\\t/g' |
        awk 'NR > 1 { printf "\\n" } { printf "%s", $0 } BEGIN { printf "\"" } END { printf "\"" }'
}

# What needs no escape, as nearly every name, starts no program.
text() {
    case $1 in
        *[!A-Za-z0-9\ ._:/@,*+-]*) printf '%s\n' "$1" | quote ;;
        *) printf '"%s"' "$1" ;;
    esac
}

linux=
errors=
count=0

add() { linux="$linux${linux:+,}$newline    \"${1#linux.}\": $2"; }

# What could not be read stands here with its reason; it is never an empty section.
unread() {
    reason=$(printf '%s' "$2" | tr '\n' ' ' | cut -c 1-400)
    errors="$errors${errors:+,}$newline  { \"section\": $(text "$1"), \"message\": $(text "${reason:-it gave no reason}") }"
    count=$((count + 1))
    printf 'warning: %s: %s\n' "$1" "$reason" >&2
}

has() { command -v "$1" >/dev/null 2>&1; }

# Is it JSON? Older programs print text all the same, or names that they do not escape; one such section would spoil the file.
# Literals become 0, and lists and objects of literals a literal, until one is left.
is_json() {
    reduced=$(printf '%s\n' "$1" | tr '\n\t\r' '   ' | sed -E -e 's/"([^"\\]|\\.)*"/s/g' \
        -e 's/-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/0/g' -e 's/ +//g' -e ':again' \
        -e 's/\[([s0](,[s0])*)?\]|\{(s:[s0](,s:[s0])*)?\}/0/g' -e 't again')
    [ "$reduced" = 0 ]
}

# section NAME COMMAND...: standard output of a command that prints JSON, as it is.
section() {
    name=$1
    shift
    if ! has "$1"; then
        unread "$name" "$1 is not installed"
    elif printed=$("$@" 2>"$scratch"); then
        # Of what may be there or not, old programs print nothing for none. Every machine has the link lo.
        if [ -z "$printed" ] && [ "$name" != linux.links ]; then printed='[]'; fi
        if is_json "$printed"; then
            add "$name" "$printed"
        else
            unread "$name" "$* printed no JSON"
        fi
    elif [ "$2 $3" = '-json -6' ] && grep -q 'not supported' "$scratch"; then
        # A kernel without IPv6 has no route and no rule of it.
        add "$name" '[]'
    else
        unread "$name" "$*: $(cat "$scratch")"
    fi
}

scratch=$(mktemp) || exit 73
trap 'rm -f "$scratch"' EXIT
trap 'exit 130' INT TERM

# --- Network ------------------------------------------------------------------------------------------------------------

section linux.links ip -json -details address show
section linux.routes ip -json -4 route show
section linux.routes6 ip -json -6 route show
section linux.rules ip -json -4 rule show
section linux.rules6 ip -json -6 rule show
section linux.neighbors ip -json neighbor show

# Read from the files themselves: a name with a dot (eth0.100) is ambiguous in what sysctl prints.
kernel_settings() {
    for folder in /proc/sys/net/ipv4/conf/*; do
        [ -r "$folder/arp_ignore" ] && [ -r "$folder/arp_announce" ] && [ -r "$folder/rp_filter" ] || return 1
        # A word a file. (The shell's own "read" asks for byte after byte, and such a file gives no second one.)
        # shellcheck disable=SC2046,SC2183
        printf '{ "scope": %s, "arpIgnore": %d, "arpAnnounce": %d, "rpFilter": %d },' "$(text "${folder##*/}")" \
            $(cat "$folder/arp_ignore" "$folder/arp_announce" "$folder/rp_filter")
    done
}
if printed=$(kernel_settings); then
    add linux.kernelSettings "[${printed%,}]"
else
    unread linux.kernelSettings 'arp_ignore, arp_announce and rp_filter in /proc/sys/net/ipv4/conf cannot be read'
fi

# What sysctl reads at a start, in its order: of files with one name the first folder counts, and sysctl.conf comes last. What
# a file says of one name counts before what any says of a pattern (sysctl.d(5)), so patterns come first. Without a value a
# name is only taken out of the patterns: it keeps the 0 of the kernel.
stored_settings() {
    found=
    for folder in /etc /run /usr/local/lib /usr/lib /lib; do
        [ ! -d "$folder/sysctl.d" ] || [ -r "$folder/sysctl.d" ] || return 1
        for file in "$folder"/sysctl.d/*.conf; do found=$found$file$newline; done
    done
    # One file a line, whatever blanks its name has.
    set -f
    IFS=$newline
    # shellcheck disable=SC2046
    set -- $(printf '%s' "$found" | awk -F/ '!seen[$NF]++ { print $NF "/" $0 }' | sort | sed 's|^[^/]*/||') /etc/sysctl.conf
    for file; do
        shift
        [ -e "$file" ] || continue
        [ -r "$file" ] || return 1
        set -- "$@" "$file"
    done
    [ $# -eq 0 ] || cat -- "$@" | tr -d '\r' | awk '/^[ \t]*-?[ \t]*net[.\/]ipv4[.\/]conf[.\/]/ {
        separator = index($0, "=")
        name = separator ? substr($0, 1, separator - 1) : $0
        value = separator ? substr($0, separator + 1) : 0
        gsub(/^[ \t]*-?[ \t]*net[.\/]ipv4[.\/]conf[.\/]|[ \t]+$/, "", name)
        gsub(/^[ \t]+|[ \t]+$/, "", value)
        # What is no number the kernel does not take.
        if (!match(name, /[.\/](arp_ignore|arp_announce|rp_filter)$/) || value !~ /^[0-9]+$/) next
        if (!separator && $0 !~ /^[ \t]*-/) next
        scope = substr(name, 1, RSTART - 1)
        setting = substr(name, RSTART + 1)
        gsub(/[\\"]/, "\\\\&", scope)
        row = sprintf("{ \"scope\": \"%s\", \"setting\": \"%s\", \"value\": %d },", scope, setting, value)
        if (scope ~ /[*?[]/) patterns = patterns row; else names = names row
    } END { printf "%s%s", patterns, names }'
}
if printed=$(stored_settings); then
    add linux.storedKernelSettings "[${printed%,}]"
else
    unread linux.storedKernelSettings 'a file in /etc/sysctl.d or beside it cannot be read (permission denied)'
fi

if ! has ss; then
    unread linux.listeners 'ss is not installed'
elif printed=$(ss -Hltn 2>"$scratch"); then
    add linux.listeners "[$(printf '%s\n' "$printed" | awk 'NF >= 4 { printf "%s\"%s\"", sep, $4; sep = ", " }')]"
else
    unread linux.listeners "ss -Hltn: $(cat "$scratch")"
fi

# Without -t they list the tables that the kernel has loaded, and load none.
legacy_rules() {
    for save in iptables-legacy-save ip6tables-legacy-save; do
        if has $save && $save 2>/dev/null | grep -qE '^(-A |:[A-Z]+ DROP)'; then return 0; fi
    done
    return 1
}

if ! has nft; then
    unread linux.packetFilter 'nft is not installed, so it is not known what a packet filter lets in'
elif ! printed=$(nft -j list ruleset 2>"$scratch"); then
    unread linux.packetFilter "nft -j list ruleset: $(cat "$scratch")"
elif legacy_rules; then
    unread linux.packetFilter 'rules of iptables-legacy stand beside those of nftables, and nft does not list them'
elif [ -z "$printed" ]; then
    add linux.packetFilter '{ "nftables": [] }'
elif is_json "$printed"; then
    add linux.packetFilter "$printed"
else
    unread linux.packetFilter 'nft -j list ruleset printed no JSON'
fi

# --- Postfix ------------------------------------------------------------------------------------------------------------

# A main.cf that came from Windows has carriage returns.
printable() { tr '\t' ' ' | tr -d '\000-\011\013-\037'; }

# `name = value` lines as one JSON object.
settings() {
    printable | sed -n 's/\\/\\\\/g; s/"/\\"/g; s/^\([^ =]*\) *= *\(.*\)$/"\1": "\2"/p' |
        awk '{ printf "%s%s", sep, $0; sep = ", " }'
}
lines() { printable | sed '/^$/d; s/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$/"/' | awk '{ printf "%s%s", sep, $0; sep = ", " }'; }

# Instances beside the first one that are switched on (postmulti(1)). MAIL_CONFIG says which one is meant.
other_instances() {
    [ -z "${MAIL_CONFIG:-}" ] || return 0
    for folder in $(postconf -h multi_instance_directories 2>/dev/null | tr ',' ' '); do
        [ "$(postconf -c "$folder" -h multi_instance_enable 2>/dev/null)" = no ] || printf ' %s' "$folder"
    done
}

maillog=
if ! has postconf; then
    unread linux.postfix 'postconf is not installed: this is no Postfix server'
elif others=$(other_instances) && [ -n "$others" ]; then
    unread linux.postfix "there is more than one instance of Postfix, the others in$others: collect it again with MAIL_CONFIG=FOLDER of the one that receives at the VIP (/etc/postfix is the first)"
    maillog=$(postconf -h maillog_file 2>/dev/null)
elif printed=$(postconf -x mail_version inet_interfaces inet_protocols mynetworks smtpd_relay_restrictions \
    smtpd_recipient_restrictions smtpd_upstream_proxy_protocol postscreen_upstream_proxy_protocol maillog_file \
    smtpd_client_connection_count_limit smtpd_client_event_limit_exceptions 2>"$scratch") &&
    services=$(postconf -M 2>>"$scratch") && overrides=$(postconf -P 2>>"$scratch"); then
    add linux.postfix "{ \"settings\": { $(printf '%s\n' "$printed" | settings) },
    \"services\": [$(printf '%s\n' "$services" | awk '$2 == "inet" || $2 == "pass"' | lines)],
    \"overrides\": [$(printf '%s\n' "$overrides" | grep -E '^[^/]+/(inet|pass)/(smtpd|postscreen|inet|mynetworks|syslog)' | lines)] }"
    maillog=$(postconf -h maillog_file 2>/dev/null)
else
    unread linux.postfix "postconf: $(cat "$scratch")"
fi

# --- Mail log -----------------------------------------------------------------------------------------------------------

# Counts by remote address; no name, no mail address leaves. A session is one of mail once a recipient was accepted.
# shellcheck disable=SC2016 # fields of awk, not of the shell
summary='
function days(y, m, d) {
    if (m <= 2) { y--; m += 12 }
    return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
}
function two(n) { return n < 10 ? "0" n : n }
function iso(t,    z, era, doe, yoe, y, doy, mp, d, m, s) {
    z = int(t / 86400) + 719468; s = t % 86400
    era = int(z / 146097); doe = z - era * 146097
    yoe = int((doe - int(doe / 1460) + int(doe / 36524) - int(doe / 146096)) / 365)
    y = yoe + era * 400; doy = doe - (365 * yoe + int(yoe / 4) - int(yoe / 100))
    mp = int((5 * doy + 2) / 153); d = doy - int((153 * mp + 2) / 5) + 1; m = mp < 10 ? mp + 3 : mp - 9
    if (m <= 2) y++
    return y "-" two(m) "-" two(d) "T" two(int(s / 3600)) ":" two(int(s % 3600 / 60)) ":" two(s % 60) ".000Z"
}
function at(    p, c, t, z) {
    if ($1 ~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T/) {
        t = days(substr($1, 1, 4) + 0, substr($1, 6, 2) + 0, substr($1, 9, 2) + 0) * 86400 + \
            substr($1, 12, 2) * 3600 + substr($1, 15, 2) * 60 + substr($1, 18, 2)
        if (match($1, /[-+][0-9][0-9]:?[0-9][0-9]$/)) {
            z = substr($1, RSTART); gsub(/:/, "", z)
            return t - (substr(z, 1, 1) == "-" ? -1 : 1) * (substr(z, 2, 2) * 3600 + substr(z, 4, 2) * 60)
        }
        return $1 ~ /Z$/ ? t : t - zone
    }
    p = index("JanFebMarAprMayJunJulAugSepOctNovDec", $1)
    if (p == 0 || split($3, c, ":") < 3) return -1
    t = days(year, (p + 2) / 3, $2 + 0) * 86400 + c[1] * 3600 + c[2] * 60 + c[3] - zone
    # Of last December, written without a year.
    return t > now + 86400 ? days(year - 1, (p + 2) / 3, $2 + 0) * 86400 + c[1] * 3600 + c[2] * 60 + c[3] - zone : t
}
function inBrackets(s,    p, q) {
    p = index(s, "["); q = index(s, "]")
    return p > 0 && q > p ? substr(s, p + 1, q - p - 1) : ""
}
function key(ip, port) { return ip SUBSEP port SUBSEP ((ip in local) ? local[ip] : "") }
BEGIN { year = substr(iso(now + zone), 1, 4) + 0; since = now - hours * 3600 }
/^-- / { next }
{ all++ }
!/postfix/ { next }
{
    traditional = $1 !~ /^[0-9]/
    tag = traditional ? $5 : $3
    if (!match(tag, /\[[0-9]+\]:?$/)) next
    pid = substr(tag, RSTART + 1); sub(/\].*$/, "", pid)
    program = substr(tag, 1, RSTART - 1); own++
    if (program ~ /\/qmgr$/) {
        id = $(traditional ? 6 : 4)
        if ($(traditional ? 7 : 5) ~ /^from=</ && (id in queued)) {
            who = tolower($(traditional ? 7 : 5)); sub(/^.*@/, "", who); sub(/>.*$/, "", who)
            if (who !~ /from=/ && !((queued[id], who) in known) && domains[queued[id]] < 1000) {
                known[queued[id], who] = 1; domains[queued[id]]++
            }
            delete queued[id]
        }
        next
    }
    if (program ~ /\/postscreen$/) {
        if (match($0, /CONNECT from \[[^]]*\]:[0-9]+ to \[[^]]*\]/)) {
            s = substr($0, RSTART, RLENGTH); ip = inBrackets(s); sub(/^.* to /, "", s); local[ip] = inBrackets(s)
        }
        next
    }
    if (program !~ /\/smtpd$/) next
    if (match($0, /: client=/)) {
        ip = inBrackets(substr($0, RSTART)); mail[pid] = 1
        id = $(traditional ? 6 : 4); if (ip != "") queued[id] = ip
        next
    }
    if (!match($0, /: disconnect from /)) next
    ip = inBrackets(substr($0, RSTART)); said = substr($0, RSTART)
    isMail = (pid in mail) || match(said, / rcpt=[1-9]/); delete mail[pid]
    if (ip !~ /^[0-9A-Fa-f.:]+(%[0-9A-Za-z_.-]+)?$/ || ip ~ /^127\./ || ip == "::1") next
    t = at()
    if (t < since) next
    if (from == "" || t < from) from = t
    if (to == "" || t > to) to = t
    port = program ~ /\/submission\/smtpd$/ ? 587 : program ~ /\/(smtps|submissions)\/smtpd$/ ? 465 : ""
    k = key(ip, port); sessions[k]++; if (isMail) mails[k]++
}
END {
    if (all && !own) exit
    printf "{ \"kind\": \"postfix\", \"from\": \"%s\", \"to\": \"%s\", \"files\": %d, \"truncated\": %s, \"byRemote\": [", \
        (from == "" ? "" : iso(from)), (to == "" ? "" : iso(to)), files, truncated
    for (k in sessions) {
        if (++rows > 5000) break
        split(k, of, SUBSEP)
        printf "%s\n    { \"connector\": \"smtpd\", \"remoteIp\": \"%s\", \"localIps\": [%s], %s\"sessions\": %d, \"mailSessions\": %d, \"probeSessions\": %d, \"senderDomains\": %d }", \
            (rows > 1 ? "," : ""), of[1], (of[3] == "" ? "" : "\"" of[3] "\""), (of[2] == "" ? "" : "\"localPort\": " of[2] ", "), \
            sessions[k], mails[k], sessions[k] - mails[k], domains[of[1]]
    }
    printf "] }"
}'

# The one before a log, as logrotate names it: LOG.1 or LOG-20261129, packed or not.
log_before() {
    before=
    for part in "$1".1 "$1".1.?* "$1"-[0-9]*; do
        if [ -f "$part" ]; then before=$part; fi
    done
    if [ -n "$before" ]; then printf '%s\n' "$before"; fi
}

if [ -z "$logs" ]; then
    for one in "$maillog" /var/log/mail.log /var/log/maillog; do
        # In a container maillog_file may be /dev/stdout, where nothing can be read.
        if [ -f "$one" ]; then
            logs=$(log_before "$one")$newline$one$newline
            break
        fi
    done
fi
now=$(date +%s)
zone=$(date +%z)
sign=${zone%????}
offset=${zone#?}
minutes=$((1${offset#??} - 100))
zone=$((${sign}1 * ((1${offset%??} - 100) * 3600 + minutes * 60)))

truncated=false
files=0
denied=
old_ifs=$IFS
IFS=$newline
set -f
for one in $logs; do
    files=$((files + 1))
    case $one in
        *.gz) unpack=gzip ;;
        *.bz2) unpack=bzip2 ;;
        *.xz) unpack=xz ;;
        *.zst) unpack=zstd ;;
        *) unpack='cat' ;;
    esac
    if [ ! -r "$one" ]; then
        denied="$one cannot be read (permission denied, or not there)"
    elif [ ! -f "$one" ]; then
        denied="$one is no file; name the mail log itself with -l"
    elif ! has $unpack; then
        denied="$one cannot be unpacked, as $unpack is not installed; unpack it elsewhere and name it with -l"
    elif [ "$(($(wc -c <"$one") / 1000000))" -gt "$log_megabytes" ]; then
        truncated=true
    fi
done
IFS=$old_ifs

read_logs() {
    IFS=$newline
    for one in $logs; do
        case $one in
            *.gz) gzip -dc -- "$one" ;;
            *.bz2) bzip2 -dc -- "$one" ;;
            *.xz) xz -dc -- "$one" ;;
            *.zst) zstd -dcq -- "$one" ;;
            *) tail -c "${log_megabytes}000000" "$one" ;;
        esac
    done
}

summary_section=
if [ -n "$denied" ]; then
    unread logSummary "$denied"
elif [ $files -eq 0 ] && ! has journalctl; then
    unread logSummary 'there is no mail log at maillog_file, /var/log/mail.log or /var/log/maillog; name it with -l'
else
    if [ $files -gt 0 ]; then
        printed=$(read_logs 2>"$scratch" |
            awk -v now="$now" -v zone="$zone" -v hours="$hours" -v files=$files -v truncated=$truncated "$summary" 2>>"$scratch")
    else
        # Each instance and each service may have a name of its own in the journal.
        printed=
        tags=$(journalctl -F SYSLOG_IDENTIFIER 2>"$scratch" | grep -E '^postfix[^ ]*/(smtpd|postscreen|qmgr)$' | sed 's/^/--identifier=/')
        # shellcheck disable=SC2086 # one option a word
        [ -z "$tags" ] || printed=$(journalctl --no-pager -o short-iso --since "-${hours}h" $tags 2>"$scratch" |
            awk -v now="$now" -v zone="$zone" -v hours="$hours" -v files=1 -v truncated=false "$summary" 2>>"$scratch")
    fi
    if [ -s "$scratch" ] || [ -z "$printed" ]; then
        reason=$(cat "$scratch")
        unread logSummary "${reason:-the mail log holds no line of Postfix; name its log with -l}"
    else
        summary_section=",$newline  \"logSummary\": $printed"
    fi
fi

# --- The file -----------------------------------------------------------------------------------------------------------

os=$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"' | head -n 1)
json="{
  \"schema\": \"smtp-source-ip/1\",
  \"collectedAt\": \"$(date -u +%Y-%m-%dT%H:%M:%S).000Z\",
  \"collector\": { \"version\": \"$version\" },
  \"host\": { \"name\": $(text "$node"), \"os\": $(text "${os:-Linux}"), \"build\": $(text "$(uname -r)"), \"system\": \"linux\" },
  \"linux\": {$linux
  }$summary_section,
  \"errors\": [$errors]
}"
printf '%s\n' "$json" >"$output" || exit 73

if [ -n "$uri" ]; then
    if ! has curl; then
        printf 'warning: curl is not installed: %s was not posted\n' "$output" >&2
        exit 69
    fi
    # The key goes through standard input, so that it stands in no list of processes.
    printf 'header = "authorization: Bearer %s"\n' "${FIELDCHECK_KEY:-}" |
        curl --silent --show-error --fail --max-time 100 --config - --request POST \
            --header 'content-type: application/json; charset=utf-8' --data-binary "@$output" "$uri" || exit 69
fi
if [ $count -eq 0 ]; then
    printf 'VERDICT complete: %s\n' "$output"
else
    printf 'VERDICT incomplete, %d errors: %s\n' "$count" "$output"
fi
