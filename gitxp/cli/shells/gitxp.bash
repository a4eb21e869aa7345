# bash completion for gitxp. The gitxp on the PATH is asked what may follow, never one that lies in the current folder.
# Its answer is text as it is to be typed, quoted where that is needed: nothing of it is expanded or executed here.

_gitxp() {
    local reply kind line
    reply=$(command gitxp completion bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
    kind=${reply%%$'\n'*}
    COMPREPLY=()
    case $kind in
        words)
            while IFS= read -r line; do
                [[ -n $line ]] && COMPREPLY+=("$line")
            done <<<"${reply#words}"
            _gitxp_compopt -o nospace
            _gitxp_compopt -o nosort
            ;;
        files)
            _gitxp_compopt -o bashdefault -o default
            ;;
        command)
            _gitxp_command "${reply#*$'\n'}"
            ;;
    esac
}

# The bash of macOS has no compopt, and that before 4.4 no nosort.
_gitxp_compopt() {
    compopt "$@" 2>/dev/null
}

# The command that 'gitxp run' is to run, of which $1 is the first word as it was typed; nothing where that is being typed.
_gitxp_command() {
    local at line offset
    _gitxp_compopt -o bashdefault -o default
    if [[ -z $1 ]]; then
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
        return
    fi
    offset=$(compgen -A function -X '!@(_comp_command_offset|_command_offset)' | head -n 1)
    for ((at = 2; at < COMP_CWORD; at++)); do
        if [[ -n $offset && ${COMP_WORDS[at]} == "$1" ]]; then
            "$offset" "$at"
            return
        fi
    done
}

complete -F _gitxp gitxp
