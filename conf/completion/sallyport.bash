# Completion of sallyport's command line for bash, made by
# `sallyport completion bash`.

_sallyport_words()
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_sallyport_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_sallyport_services()
{
    _sallyport_words "$("${COMP_WORDS[0]}" config show "${file[@]}" 2>/dev/null |
        sed -n 's/^\[service \([^]]*\).*/\1/p')"
}

_sallyport()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' word i
    local -a file=()

    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -c | --config | -s | --socket)
            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
            ((i++))
            [[ $word == -*c* ]] && file=(-c "${COMP_WORDS[i]}")
            ;;
        -* | =) ;;
        *)
            [[ -n $command ]] || command=$word
            [[ $command == "$word" || $command != @(config|selftest) ]] ||
                command+=" $word"
            ;;
        esac
    done
    case $prev in
    -c | --config | -s | --socket)
        _sallyport_files
        return
        ;;
    esac
    case $command in
    '') _sallyport_words 'run check config init tunnel demo status reload upgrade drain certs selftest completion help version --help --config --socket --json --running --user --strict --quiet --connect -t --version' ;;
    'run')
        if [[ $cur == -* ]]; then
            _sallyport_words '--help --config'
        else
            _sallyport_files
        fi
        ;;
    'check')
        if [[ $cur == -* ]]; then
            _sallyport_words '--help --config --user --strict --quiet --connect'
        else
            _sallyport_files
        fi
        ;;
    config) _sallyport_words 'show' ;;
    'config show')
        if [[ $cur == -* ]]; then
            _sallyport_words '--help --config'
        else
            _sallyport_files
        fi
        ;;
    'init') _sallyport_words '--help web tunnel-client tunnel-server forward' ;;
    tunnel)
        case $prev in
        --log) _sallyport_words 'stderr syslog journal' ;;
        --log_level) _sallyport_words 'error warn info debug' ;;
        --log_format) _sallyport_words 'text json' ;;
        --keeper) _sallyport_words 'on off' ;;
        --sandbox) _sallyport_words 'on kill off' ;;
        --watch) _sallyport_words 'yes no' ;;
        --strict_names) _sallyport_words 'yes no' ;;
        --ticket_secret) _sallyport_files ;;
        --truncation) _sallyport_words 'mirror tolerate' ;;
        --splice) _sallyport_words 'auto never' ;;
        --log_connections) _sallyport_words 'all failed none' ;;
        --strict_certs) _sallyport_words 'yes no' ;;
        --log_handshake_noise) _sallyport_words 'all summary' ;;
        --listen.cert) _sallyport_files ;;
        --listen.key) _sallyport_files ;;
        --listen.passphrase_file) _sallyport_files ;;
        --listen.verify) _sallyport_words 'none optional required' ;;
        --listen.ca) _sallyport_files ;;
        --listen.crl) _sallyport_files ;;
        --listen.allow_file) _sallyport_files ;;
        --listen.purpose) _sallyport_words 'strict any' ;;
        --listen.min_version) _sallyport_words '1.2 1.3' ;;
        --listen.max_version) _sallyport_words '1.2 1.3' ;;
        --listen.session_tickets) _sallyport_words 'yes no' ;;
        --listen.unknown_name) _sallyport_words 'default refuse' ;;
        --listen.freebind) _sallyport_words 'yes no' ;;
        --connect.cert) _sallyport_files ;;
        --connect.key) _sallyport_files ;;
        --connect.passphrase_file) _sallyport_files ;;
        --connect.verify) _sallyport_words 'none required' ;;
        --connect.ca) _sallyport_files ;;
        --connect.crl) _sallyport_files ;;
        --connect.allow_file) _sallyport_files ;;
        --connect.purpose) _sallyport_words 'strict any' ;;
        --connect.min_version) _sallyport_words '1.2 1.3' ;;
        --connect.max_version) _sallyport_words '1.2 1.3' ;;
        --connect.session_tickets) _sallyport_words 'yes no' ;;
        *)
            compopt -o nospace 2>/dev/null
            _sallyport_words '--log= --log_level= --log_format= --max_connections= --drain_timeout= --upgrade_timeout= --workers= --user= --group= --keeper= --keeper_user= --sandbox= --watch= --strict_names= --ticket_secret= --listen= --connect= --max_connections= --timeout.connect= --timeout.handshake= --timeout.sniff= --timeout.idle= --timeout.half_close= --timeout.lifetime= --truncation= --splice= --log_connections= --strict_certs= --log_handshake_noise= --listen.cert= --listen.key= --listen.passphrase_file= --listen.verify= --listen.ca= --listen.crl= --listen.allow= --listen.allow_file= --listen.purpose= --listen.verify_depth= --listen.min_version= --listen.max_version= --listen.ciphers= --listen.ciphersuites= --listen.groups= --listen.sigalgs= --listen.alpn= --listen.session_tickets= --listen.session_lifetime= --listen.keepalive= --listen.user_timeout= --listen.receive_buffer= --listen.send_buffer= --listen.match= --listen.unknown_name= --listen.backlog= --listen.freebind= --listen.mode= --listen.owner= --listen.group= --connect.cert= --connect.key= --connect.passphrase_file= --connect.verify= --connect.ca= --connect.crl= --connect.allow= --connect.allow_file= --connect.purpose= --connect.verify_depth= --connect.min_version= --connect.max_version= --connect.ciphers= --connect.ciphersuites= --connect.groups= --connect.sigalgs= --connect.alpn= --connect.session_tickets= --connect.session_lifetime= --connect.keepalive= --connect.user_timeout= --connect.receive_buffer= --connect.send_buffer= --connect.name= --connect.sni= --connect.pin='
            ;;
        esac
        ;;
    'demo') _sallyport_words '--help' ;;
    'status') _sallyport_words '--help --config --socket --json' ;;
    'reload') _sallyport_words '--help --config --socket' ;;
    'upgrade') _sallyport_words '--help --config --socket' ;;
    'drain')
        if [[ $cur == -* ]]; then
            _sallyport_words '--help --config --socket'
        else
            _sallyport_services
        fi
        ;;
    'certs') _sallyport_words '--help --config --socket --json' ;;
    selftest) _sallyport_words 'sandbox' ;;
    'selftest sandbox') _sallyport_words '--help' ;;
    'completion') _sallyport_words '--help bash zsh' ;;
    help) _sallyport_words 'run check config init tunnel demo status reload upgrade drain certs selftest completion help version counters log log_level log_format max_connections drain_timeout upgrade_timeout workers user group keeper keeper_user sandbox control watch strict_names ticket_secret include listen connect max_connections timeout.connect timeout.handshake timeout.sniff timeout.idle timeout.half_close timeout.lifetime truncation splice log_connections strict_certs log_handshake_noise listen.cert listen.key listen.passphrase_file listen.verify listen.ca listen.crl listen.allow listen.allow_file listen.purpose listen.verify_depth listen.min_version listen.max_version listen.ciphers listen.ciphersuites listen.groups listen.sigalgs listen.alpn listen.session_tickets listen.session_lifetime listen.keepalive listen.user_timeout listen.receive_buffer listen.send_buffer listen.match listen.unknown_name listen.backlog listen.freebind listen.mode listen.owner listen.group connect.cert connect.key connect.passphrase_file connect.verify connect.ca connect.crl connect.allow connect.allow_file connect.purpose connect.verify_depth connect.min_version connect.max_version connect.ciphers connect.ciphersuites connect.groups connect.sigalgs connect.alpn connect.session_tickets connect.session_lifetime connect.keepalive connect.user_timeout connect.receive_buffer connect.send_buffer connect.name connect.sni connect.pin' ;;
    'version') _sallyport_words '--help --config --socket --running' ;;
    esac
}

complete -F _sallyport sallyport
