#compdef gitxp
# zsh completion for gitxp. The gitxp on the PATH is asked what may follow, never one that lies in the current folder.
# zsh itself quotes what it inserts; nothing of the answer is expanded or executed here.

_gitxp() {
    local reply kind line text=$PREFIX
    local -a lines before whole whole_about open open_about parts
    # within quotes, quotes of the other kind are a part of the word
    [[ -z $compstate[quote] ]] && text=${(Q)PREFIX}
    before=("${(@Q)words[1,CURRENT-1]}")
    reply=$(command gitxp completion zsh "$text" "${before[@]}" 2>/dev/null </dev/null) || return 1
    lines=("${(@f)reply}")
    kind=$lines[1]
    shift lines
    case $kind in
        (words)
            for line in "${lines[@]}"; do
                parts=("${(@ps:\t:)line}")
                if [[ $parts[1] == open ]]; then
                    open+=("$parts[2]") open_about+=("$parts[2]${parts[3]:+  -- $parts[3]}")
                else
                    whole+=("$parts[2]") whole_about+=("$parts[2]${parts[3]:+  -- $parts[3]}")
                fi
            done
            (( $#whole + $#open )) || return 1
            compadd -V gitxp -l -d whole_about -a whole
            compadd -V gitxp -S '' -l -d open_about -a open
            return 0
            ;;
        (files)
            _files
            ;;
        (command)
            shift $lines[1] words
            (( CURRENT -= lines[1] ))
            _normal
            ;;
        (*)
            return 1
            ;;
    esac
}

# From a folder of $fpath this file is the body of the function; sourced, it says what it is for.
if [[ $funcstack[1] == _gitxp ]]; then
    _gitxp "$@"
elif (( $+functions[compdef] )); then
    compdef _gitxp gitxp
else
    autoload -Uz compinit && compinit && compdef _gitxp gitxp
fi
