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

text() { printf '%s\n' "$1" | quote; }

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

# section NAME COMMAND...: standard output of a command that prints JSON, as it is.
section() {
    name=$1
    shift
    if ! has "$1"; then
        unread "$name" "$1 is not installed"
        return
    fi
    if printed=$("$@" 2>"$scratch"); then
        case $printed in
            '') add "$name" '[]' ;;
            \[* | \{*) add "$name" "$printed" ;;
            *) unread "$name" "$* printed no JSON" ;;
        esac
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
        printf '{ "scope": %s, "arpIgnore": %d, "arpAnnounce": %d, "rpFilter": %d },' "$(text "${folder##*/}")" \
            "$(cat "$folder/arp_ignore")" "$(cat "$folder/arp_announce")" "$(cat "$folder/rp_filter")"
    done
}
if printed=$(kernel_settings); then
    add linux.kernelSettings "[${printed%,}]"
else
    unread linux.kernelSettings 'arp_ignore, arp_announce and rp_filter in /proc/sys/net/ipv4/conf cannot be read'
fi

# What sysctl reads at a start, in its order: of files with one name the first folder counts, and sysctl.conf comes last.
stored_settings() {
    for file in $(for folder in /etc /run /usr/local/lib /usr/lib /lib; do ls "$folder"/sysctl.d/*.conf 2>/dev/null; done |
        awk -F/ '!seen[$NF]++ { print $NF "/" $0 }' | sort | sed 's|^[^/]*/||') /etc/sysctl.conf; do
        [ -e "$file" ] || continue
        [ -r "$file" ] || return 1
        awk -F= '/^[ \t]*-?net[.\/]ipv4[.\/]conf[.\/]/ {
            name = $1
            gsub(/^[ \t]*-?net[.\/]ipv4[.\/]conf[.\/]|[ \t]+$/, "", name)
            if (!match(name, /[.\/](arp_ignore|arp_announce|rp_filter)$/)) next
            printf "{ \"scope\": \"%s\", \"setting\": \"%s\", \"value\": %d },", substr(name, 1, RSTART - 1), substr(name, RSTART + 1), $2
        }' "$file"
    done
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

if ! has nft; then
    unread linux.packetFilter 'nft is not installed, so it is not known what a packet filter lets in'
elif printed=$(nft -j list ruleset 2>"$scratch"); then
    add linux.packetFilter "${printed:-{ \"nftables\": [] \}}"
else
    unread linux.packetFilter "nft -j list ruleset: $(cat "$scratch")"
fi

# --- Postfix ------------------------------------------------------------------------------------------------------------

# `name = value` lines as one JSON object.
settings() {
    sed -n 's/\\/\\\\/g; s/"/\\"/g; s/	/ /g; s/^\([^ =]*\) *= *\(.*\)$/"\1": "\2"/p' |
        awk '{ printf "%s%s", sep, $0; sep = ", " }'
}
lines() { sed '/^$/d; s/\\/\\\\/g; s/"/\\"/g; s/	/ /g; s/^/"/; s/$/"/' | awk '{ printf "%s%s", sep, $0; sep = ", " }'; }

maillog=
if ! has postconf; then
    unread linux.postfix 'postconf is not installed: this is no Postfix server'
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
!/postfix/ { next }
{
    traditional = $1 !~ /^[0-9]/
    tag = traditional ? $5 : $3
    if (!match(tag, /\[[0-9]+\]:?$/)) next
    pid = substr(tag, RSTART + 1); sub(/\].*$/, "", pid)
    program = substr(tag, 1, RSTART - 1)
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
    if (ip == "" || ip == "unknown" || ip ~ /^127\./ || ip == "::1") next
    t = at()
    if (t < since) next
    if (from == "" || t < from) from = t
    if (to == "" || t > to) to = t
    port = program ~ /\/submission\/smtpd$/ ? 587 : program ~ /\/(smtps|submissions)\/smtpd$/ ? 465 : ""
    k = key(ip, port); sessions[k]++; if (isMail) mails[k]++
}
END {
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

if [ -z "$logs" ]; then
    for one in "$maillog" /var/log/mail.log /var/log/maillog; do
        [ -n "$one" ] && [ -e "$one" ] || continue
        for part in "$one.1.gz" "$one.1" "$one"; do
            if [ -e "$part" ]; then logs=$logs$part$newline; fi
        done
        break
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
for one in $logs; do
    files=$((files + 1))
    if [ ! -r "$one" ]; then
        denied="$one cannot be read (permission denied, or not there)"
    elif [ "$(($(wc -c <"$one") / 1000000))" -gt "$log_megabytes" ]; then
        truncated=true
    fi
done
IFS=$old_ifs

read_logs() {
    IFS=$newline
    for one in $logs; do
        case $one in
            *.gz) gzip -dc "$one" ;;
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
        printed=$(journalctl --no-pager -o short-iso --since "-${hours}h" -t postfix/smtpd -t postfix/postscreen \
            -t postfix/qmgr -t postfix/submission/smtpd -t postfix/smtps/smtpd -t postfix/submissions/smtpd 2>"$scratch" |
            awk -v now="$now" -v zone="$zone" -v hours="$hours" -v files=1 -v truncated=false "$summary" 2>>"$scratch")
    fi
    if [ -s "$scratch" ] || [ -z "$printed" ]; then
        unread logSummary "$(cat "$scratch")"
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
