# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # the reader sets its variables
# What `./toril run` does: its options, and the machine; a part of that script, read by it.
# The only place that knows QEMU's command line.

# ---- options -------------------------------------------------------------------------------------

# QEMU's own lists are separated by commas; a comma in a file name is doubled.
escape() { printf '%s' "$1" | sed 's/,/,,/g'; }

# Adds words to QEMU's command line, kept quoted for eval.
qemu_command=
qemu_add() {
    for word; do
        qemu_command="$qemu_command '$(printf '%s' "$word" | sed "s/'/'\\\\''/g")'"
    done
}

add_port() {
    ports=${1%/udp} protocol=tcp
    [ "$ports" = "$1" ] || protocol=udp
    host=${ports%%:*} guest=${ports#*:}
    if [ "$ports" = "$host" ] || ! in_range "$host" 1 65535 || ! in_range "$guest" 1 65535; then
        usage "--port cannot be '$1': HOST:GUEST, two numbers up to 65535, with /udp for UDP"
    fi
    check_port "$protocol" "$host" "$guest"
    forwards="$forwards,hostfwd=$protocol:127.0.0.1:$host-:$guest"
    case $protocol,$guest,$serve_port,$secure_port in
    tcp,80,,*) serve_port=$host ;;
    tcp,443,*,) secure_port=$host ;;
    esac
}

# Nobody has this port of 127.0.0.1 or of all addresses, at TCP to listen. Spec: proc(5), /proc/net/tcp.
port_is_free() { # PROTOCOL PORT
    cat "/proc/net/$1" "/proc/net/${1}6" 2>/dev/null | awk -v port="$(printf ':%04X' "$2")" '
        ($4 == "0A" || $4 == "07") && ($2 == "0100007F" port || $2 ~ ("^0+" port "$")) { taken = 1 }
        END { exit taken }'
}

check_port() { # PROTOCOL HOST GUEST
    port_is_free "$1" "$2" || die 2 "port $2 of this host is taken; choose another: --port OTHER:$3"
}

add_disk() {
    file=$(absolute "$1")
    [ -r "$file" ] || usage "no disk image '$1'"
    disks=$((disks + 1))
    qemu_add -drive "if=none,id=disk$disks,format=raw,file=$(escape "$file")" \
        -device "virtio-blk-pci,drive=disk$disks"
}

parse_run() {
    smp=4 memory=512 machine=q35 accel=auto nets='' cards='' append='' limit=0 console='' pcap='' image=''
    firmware=/usr/share/OVMF/OVMF_CODE_4M.fd files='' shell='' serial=yes more=''
    forwards='' serve_port='' secure_port='' disks=0 gdb='' plain=''
    certificate='' private_key='' authorities=''
    app=
    case ${1--} in
    -*) ;;
    *) app=$1; shift ;;
    esac
    while [ $# -gt 0 ]; do
        option=$1
        shift
        case $option in
        --shell) shell=yes; continue ;;
        --no-serial) serial=; continue ;;
        --smp | --memory | --machine | --accel | --net | --card | --port | --disk | --append | \
            --files | --cert | --key | --ca | --console | --pcap | --timeout | --image | --firmware | \
            --gdb | --qemu) ;;
        *) usage "unknown option '$option'" ;;
        esac
        [ $# -gt 0 ] || usage "$option wants a value"
        parse_value "$option" "$1"
        shift
    done
    check_networks
    case $certificate,$private_key in
    ,?* | ?*,) usage "--cert and --key belong together" ;;
    esac
    named=${app:-http}
    app=$named
    [ -n "$image" ] || find_app "$named"
    # A client trusts whom this host trusts.
    if [ "$app" = fetch ] && [ -z "$authorities" ] && [ -r /etc/ssl/certs/ca-certificates.crt ]; then
        authorities=/etc/ssl/certs/ca-certificates.crt
    fi
}

parse_value() {
    bad="$1 cannot be '$2'"
    case $1,$2 in
    --smp,*) in_range "$2" 1 1024 || usage "$bad: 1 to 1024 cores"; smp=$2 ;;
    --memory,*) in_range "$2" 32 1048576 || usage "$bad: MiB, 32 or more"; memory=$2 ;;
    --timeout,*) in_range "$2" 1 999999999 || usage "$bad: seconds"; limit=$2 ;;
    --machine,q35 | --machine,pc) machine=$2 ;;
    --machine,*) usage "$bad: q35 or pc" ;;
    --accel,auto | --accel,kvm | --accel,tcg | --accel,tcg,thread=single) accel=$2 ;;
    --accel,*) usage "$bad: auto, kvm or tcg" ;;
    --net,*' '*) usage "$bad: user, tap=IF or none" ;;
    --net,user | --net,none | --net,tap=?*) nets="$nets $2" ;;
    --net,*) usage "$bad: user, tap=IF or none" ;;
    --card,virtio | --card,e1000 | --card,e1000e) cards="$cards $2" ;;
    --card,*) usage "$bad: virtio, e1000 or e1000e" ;;
    --port,*) add_port "$2" ;;
    --disk,*) add_disk "$2" ;;
    --append,*"
"*) usage "--append is one line" ;;
    --append,*) append=$2 ;;
    --files,*) files=$(absolute "$2"); [ -d "$files" ] || usage "no folder '$2'" ;;
    --cert,*) certificate=$(absolute "$2"); [ -r "$certificate" ] || usage "no file '$2'" ;;
    --key,*) private_key=$(absolute "$2"); [ -r "$private_key" ] || usage "no file '$2'" ;;
    --ca,*) authorities=$(absolute "$2"); [ -r "$authorities" ] || usage "no file '$2'" ;;
    --console,*)
        console=$(absolute "$2")
        (: >"$console") 2>/dev/null || usage "cannot write '$2'"
        ;;
    --pcap,*)
        pcap=$(absolute "$2")
        (: >"$pcap") 2>/dev/null || usage "cannot write '$2'"
        ;;
    --image,*)
        image=$(absolute "$2")
        [ -f "$image" ] || usage "no file '$2'"
        [ "$(head -c 2 "$image" | tr -d '\0')" = MZ ] ||
            usage "'$2' is no EFI image: it does not begin with MZ"
        ;;
    --firmware,*) firmware=$(absolute "$2") ;;
    --gdb,*) gdb=$(absolute "$2") ;;
    --qemu,*) more=$2 ;;
    esac
}

# The networks, each with its card; those without one are virtio's. `net` is the first.
check_networks() {
    nets=${nets:- user}
    net=$(word 1 "$nets")
    [ "$(count_words "$cards")" -le "$(count_words "$nets")" ] || usage "more --card than --net"
    case " $nets " in
    *' none '*) [ "$nets" = ' none' ] || usage "--net none is alone" ;;
    esac
    case " $nets " in
    *' user '*) ;;
    *) [ -z "$forwards" ] || usage "--port needs --net user" ;;
    esac
    [ "$net" != none ] || [ -z "$pcap" ] || usage "--pcap needs --net user or tap=IF"
    [ "$net" != none ] || [ -z "$cards" ] || usage "--card$cards needs --net user or tap=IF"
}

word() { # NUMBER, WORDS
    printf '%s' "$2" | awk -v at="$1" '{ print $at }'
}

count_words() {
    printf '%s' "$1" | awk 'END { print NF }'
}

# ---- the machine ---------------------------------------------------------------------------------

# OVMF's settings file that belongs to its code file.
firmware_settings() {
    name=$(basename "$1" | sed 's/CODE/VARS/; s/\.secboot//')
    printf '%s/%s' "$(dirname "$1")" "$name"
}

# Only a firmware that speaks under KVM proves that KVM works: /dev/kvm may be there and useless.
kvm_starts_firmware() {
    timeout 10 qemu-system-x86_64 -nodefaults -no-user-config -machine q35 -accel kvm -cpu max \
        -m 128 -display none -serial "file:$run_dir/probe" \
        -drive "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd" \
        -drive "if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd" \
        >"$run_dir/probe-errors" 2>&1 </dev/null &
    probe=$!
    while kill -0 "$probe" 2>/dev/null && [ ! -s "$run_dir/probe" ]; do
        sleep 0.1
    done
    kill "$probe" 2>/dev/null || :
    wait "$probe" 2>/dev/null || : # some shells say there how it ended
    [ -s "$run_dir/probe" ]
}

# The answer counts until this host boots again or has another QEMU.
choose_accel() {
    [ "$accel" = auto ] || return 0
    accel=tcg
    if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
        say "TCG: /dev/kvm is not there or not ours"
        return
    fi
    key="$(cat /proc/sys/kernel/random/boot_id) $(qemu-system-x86_64 --version | head -n 1)"
    mkdir -p build
    accel=$(grep -F -e "$key" build/kvm 2>/dev/null | cut -d ' ' -f 1) || :
    if [ -z "$accel" ]; then
        accel=tcg
        ! kvm_starts_firmware || accel=kvm
        echo "$accel $key" >build/kvm
    fi
    if [ "$accel" = kvm ]; then
        say "KVM"
    else
        say "TCG: /dev/kvm is there, but the firmware does not start under it"
    fi
}

# The app is linked with this function. An image without its .elf beside it has only the app's name.
has_function() {
    elf=$(dirname "$image")/toril.elf
    if [ -r "$elf" ]; then
        nm "$elf" 2>/dev/null | grep -q " $1\$"
    else
        [ "$app" = http ]
    fi
}

# What offer_service() would find taken, said before the build: who calls the server names it.
check_service() {
    [ "$net,$forwards" = user, ] || return 0
    place=apps/$app
    [ -z "$outside" ] || place=build/apps/$app
    grep -rqsw 'http_run\(_secure\)\{0,1\}' "$place.c" "$place/" || return 0
    if [ -n "$certificate" ] && grep -rqsw http_run_secure "$place.c" "$place/"; then
        check_port tcp 8443 443
    else
        check_port tcp 8080 80
    fi
}

# A server of HTTP gets a port of this host. Whoever runs it here without a certificate means plain HTTP.
offer_service() {
    has_function http_run_as || return 0
    [ -n "$certificate" ] || ! has_function http_run_secure || plain=yes
    [ "$net,$forwards" = user, ] || return 0
    if [ -n "$certificate" ] && has_function http_run_secure; then
        add_port 8443:443
    else
        add_port 8080:80
    fi
}

put_on_disk() { # FILE or nothing, NAME
    [ -n "$1" ] || return 0
    mkdir -p "$disk/tls"
    cp "$1" "$disk/tls/$2"
}

# The boot disk is a folder that QEMU shows as a FAT disk.
make_boot_disk() {
    disk=$run_dir/disk
    mkdir -p "$disk/EFI/BOOT"
    [ -z "$files" ] || cp -R "$files/." "$disk/"
    put_on_disk "$certificate" cert.pem
    put_on_disk "$private_key" key.pem
    put_on_disk "$authorities" ca.pem
    if [ -n "$plain" ] && ! grep -q plain_http "$disk/toril.cfg" 2>/dev/null; then
        printf '\nplain_http=on\n' >>"$disk/toril.cfg"
    fi
    printf '\nexit=debug\non_panic=debug\n' >>"$disk/toril.cfg"
    [ -z "$gdb" ] || echo gdb=on >>"$disk/toril.cfg"
    if [ -n "$shell" ]; then
        cp "$image" "$disk/BOOTX64.EFI"
        options=$(printf '%s' "$append" | sed 's/[\\&|]/\\&/g')
        sed "s|%1 .*%9\$|$options|" startup.nsh >"$disk/startup.nsh"
    else
        cp "$image" "$disk/EFI/BOOT/BOOTX64.EFI"
        [ -z "$append" ] || printf 'options=%s\n' "$append" >>"$disk/toril.cfg"
    fi
}

# The boot disk is an IDE disk, so that every virtio-blk device is the application's.
make_qemu_command() {
    settings=$(firmware_settings "$firmware")
    if [ ! -r "$firmware" ] || [ ! -r "$settings" ]; then
        usage "no firmware '$firmware' with '$settings'"
    fi
    cp "$settings" "$run_dir/settings.fd"
    qemu_add -nodefaults -no-user-config -no-reboot -display none -vga none
    qemu_add -machine "$machine" -accel "$accel" -cpu max -smp "$smp" -m "$memory"
    # APIC ids above 254 need x2APIC, and QEMU wants interrupts remapped with it. TCG: from QEMU 9.0 on.
    [ "$smp" -le 255 ] || qemu_add -machine kernel-irqchip=split -device intel-iommu,intremap=on,eim=on
    qemu_add -drive "if=pflash,format=raw,readonly=on,file=$(escape "$firmware")"
    qemu_add -drive "if=pflash,format=raw,file=$(escape "$run_dir/settings.fd")"
    qemu_add -drive "if=none,id=boot,format=raw,file=fat:rw:$(escape "$run_dir/disk")"
    qemu_add -device ide-hd,drive=boot,bootindex=1
    qemu_add -device isa-debug-exit,iobase=0xf4,iosize=4 -device virtio-rng-pci
    if [ -n "$serial" ]; then
        qemu_add -serial stdio
    else
        qemu_add -debugcon stdio
    fi
    number=0
    for each in $nets; do
        number=$((number + 1))
        add_network "$each" "$(word "$number" "$cards")"
    done
    [ -z "$gdb" ] || qemu_add -gdb "unix:$(escape "$gdb"),server=on,wait=off"
    set -f
    # shellcheck disable=SC2086 # words, as the option says
    qemu_add $more
    set +f
}

card_device() { # as QEMU calls it
    case $1 in
    '' | virtio) echo virtio-net-pci ;;
    *) echo "$1" ;;
    esac
}

# The first network's id is `net`, the others' net2 and so on. Each user network has addresses of
# its own; ports are led to the first. Without its option ROM a card costs the firmware no time.
add_network() { # NETWORK CARD
    id=net
    [ "$number" = 1 ] || id=net$number
    address=
    [ "$number" = 1 ] || address=",net=10.0.$((number + 1)).0/24,ipv6-prefix=fec0:0:0:$number::"
    case $1 in
    user)
        qemu_add -netdev "user,id=$id$address$forwards" -device "$(card_device "$2"),netdev=$id,romfile="
        forwards=
        ;;
    tap=*) add_tap "${1#tap=}" "$2" ;;
    none) return ;;
    esac
    file=$pcap
    [ "$number" = 1 ] || file=$pcap.$number
    [ -z "$pcap" ] || qemu_add -object "filter-dump,id=pcap$number,netdev=$id,file=$(escape "$file")"
}

# A tap device made with multi_queue gives each core a pair of queues, if the card is virtio.
add_tap() { # INTERFACE CARD
    tap="tap,id=$id,ifname=$(escape "$1"),script=no,downscript=no"
    if [ "$(card_device "$2")" = virtio-net-pci ] &&
        ip -d link show dev "$1" 2>/dev/null | grep -q ' multi_queue '; then
        [ -z "$pcap" ] ||
            die 2 "--pcap: QEMU cannot record a device with several queues; $1 was made with multi_queue"
        queues=$((smp > 1 ? smp : 2)) # QEMU opens no such device with one
        qemu_add -netdev "$tap,queues=$queues" \
            -device "virtio-net-pci,netdev=$id,romfile=,mq=on,vectors=$((2 * queues + 2))"
    else
        qemu_add -netdev "$tap" -device "$(card_device "$2"),netdev=$id,romfile="
    fi
}

# Console text without the firmware's escape sequences, line by line, on stdout and in --console.
# The line that says what main returned, after its time stamp, is kept apart.
filter_console() {
    LC_ALL=C sed -u -e "s/$(printf '\033')\\[[0-9;=?]*[A-Za-z]//g" -e "s/$(printf '\r')//g" \
        -e "/\\[ *[0-9.]*\\] toril: main returned -\\{0,1\\}[0-9]\\{1,10\\}\$/w $run_dir/returned" \
        ${console:+-e "w $console"}
}

say_when_serving() { # URL
    url=$1
    until curl -s -k -o /dev/null --noproxy '*' --max-time 2 "$url"; do
        kill -0 "$machine_process" 2>/dev/null || return 0
        sleep 0.2
    done
    echo "Toril is serving $url"
}

stop() { # STATUS: after a signal
    stopped=$1
    kill "$machine_process" 2>/dev/null || :
}

terminal=
clean_up() {
    [ -z "$terminal" ] || stty "$terminal" || :
    rm -rf "$run_dir"
}

# What the machine's end means, as the status of this command. QEMU's debug-exit device makes
# 2 * V + 1 of the value V that the kernel wrote: what main returned, 101 if that is above 100,
# 127 after a panic.
explain_end() { # STATUS of QEMU
    # An app may have written any bytes in front, on the same line.
    returned=$(LC_ALL=C sed -n '$s/.* //p' "$run_dir/returned" 2>/dev/null | tr -cd '0-9-')
    case $1 in
    124) say "no end after $limit s: stopped"; return 124 ;;
    255) say "the machine panicked"; return 125 ;;
    esac
    if [ -n "$returned" ]; then
        [ "$returned" = 0 ] || [ $((returned & 255)) != 0 ] || return 1
        return $((returned & 255))
    fi
    grep -v 'terminating on signal' "$run_dir/errors" >&2 || :
    if [ "$1" = 0 ]; then
        say "unexpected end: the machine reset or switched itself off"
    else
        say "unexpected end: QEMU ended with status $1"
    fi
    return 126
}

run() {
    parse_run "$@"
    # shellcheck disable=SC2086 # a list of words
    install_needs $needs_run
    if [ -z "$image" ]; then
        check_service
        build "$named"
        image=$PWD/build/$app/BOOTX64.EFI
    fi
    offer_service
    run_dir=$(mktemp -d "${TMPDIR:-/tmp}/toril.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    choose_accel
    make_boot_disk
    make_qemu_command
    eval "run_machine $qemu_command"
}

# What is typed goes to the machine's serial port; Ctrl-C ends this command as ever. A terminal is
# read only in the foreground: who reads it in the background is stopped.
open_keyboard() {
    exec 3</dev/null
    if [ -t 0 ]; then
        read -r _ _ _ _ group _ _ foreground _ </proc/$$/stat
        [ "$group" = "$foreground" ] || return 0
        terminal=$(stty -g)
    fi
    [ ! -e /proc/self/fd/0 ] || exec 3<&0
}

run_machine() { # ARGUMENT of QEMU...
    stopped=0
    open_keyboard
    mkfifo "$run_dir/console"
    filter_console <"$run_dir/console" &
    timeout --foreground -k 5 "$limit" qemu-system-x86_64 "$@" \
        >"$run_dir/console" 2>"$run_dir/errors" <&3 &
    machine_process=$!
    trap 'stop 130' INT
    trap 'stop 143' TERM HUP
    if [ -n "$certificate" ] && [ -n "$secure_port" ]; then
        say_when_serving "https://127.0.0.1:$secure_port/" &
    elif [ -n "$serve_port" ]; then
        say_when_serving "http://127.0.0.1:$serve_port/" &
    fi
    status=0
    wait "$machine_process" || status=$?
    # A signal ends the first wait; QEMU still has to end.
    while kill -0 "$machine_process" 2>/dev/null; do
        wait "$machine_process" || :
    done
    wait || :
    [ "$stopped" = 0 ] || return "$stopped"
    explain_end "$status"
}
