# fish completion for gitxp. The gitxp on the PATH is asked what may follow, never one that lies in the current folder.
# fish itself quotes what it inserts; nothing of the answer is expanded or executed here.

function __fish_gitxp
    set -l before (commandline -opc)
    set -l reply (command gitxp completion fish (commandline -ct | string collect) $before 2>/dev/null </dev/null)
    switch "$reply[1]"
        case words
            printf '%s\n' $reply[2..-1]
        case files
            __fish_complete_path (commandline -ct)
        case command
            set -l words (string escape -- $before[(math $reply[2] + 1)..-1])
            complete -C (string join ' ' -- $words (commandline -ct))
    end
end

complete -c gitxp -f -k -a '(__fish_gitxp)'
